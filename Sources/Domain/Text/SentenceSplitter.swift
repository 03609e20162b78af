/// Cuts text into sentences.
///
/// Rules, not a trained model, in the spirit of Unicode's UAX #29 sentence boundaries, which it extends by lists of
/// abbreviations (German, English, French, Spanish), by list items and by blank lines. The result is deterministic and
/// takes time linear in the length of the text.
package enum SentenceSplitter {
  /// Where the sentences of a text lie, in UTF-8 bytes, in order.
  ///
  /// The ranges do not overlap, begin and end at scalar boundaries with a scalar that is not white space, and together
  /// hold every scalar of the text that is not white space.
  package static func ranges(in text: String) -> [Range<Int>] {
    let bytes = Array(text.utf8)
    return ranges(in: bytes, within: 0..<bytes.count)
  }

  /// The sentences of a part of a text; `bytes` is valid UTF-8, and `range` begins and ends at scalar boundaries.
  package static func ranges(in bytes: [UInt8], within range: Range<Int>) -> [Range<Int>] {
    var scanner = SentenceScanner(bytes: bytes, range: range)
    return scanner.scan()
  }
}

/// One pass over the bytes: decides at each line end and at each stop whether a sentence ends there.
struct SentenceScanner {
  let bytes: [UInt8]
  let end: Int
  /// Where the sentence began that is being read.
  private(set) var start: Int
  private var sentences: [Range<Int>] = []

  init(bytes: [UInt8], range: Range<Int>) {
    self.bytes = bytes
    start = range.lowerBound
    end = range.upperBound
  }

  mutating func scan() -> [Range<Int>] {
    var index = start
    var onHeading = isHeadingMark(at: skippingBlanks(from: index))
    while index < end {
      let byte = bytes[index]
      switch byte {
      case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
        let next = index + (byte == UInt8(ascii: "\r") && self.byte(at: index + 1) == UInt8(ascii: "\n") ? 2 : 1)
        let content = skippingBlanks(from: next)
        if onHeading || isLineEnd(at: content) || startsItem(at: content) {
          endSentence(at: index)
        }
        onHeading = isHeadingMark(at: content)
        index = next
      case UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "?"):
        index = readStop(at: index)
      case 0x80...:
        let scalar = bytes.scalar(at: index)
        if Stop(scalar.value) != nil {
          index = readStop(at: index)
        } else {
          index += scalar.length
          if scalar.value == 0x2029 { endSentence(at: index) }
        }
      default: index += 1
      }
    }
    endSentence(at: end)
    return sentences
  }

  /// Reads a run of stops with the brackets and quotes that close after it; answers where to go on.
  private mutating func readStop(at index: Int) -> Int {
    var run = StopRun(start: index, end: index)
    while run.end < end {
      let scalar = bytes.scalar(at: run.end)
      guard let stop = Stop(scalar.value) else { break }
      run.add(stop, length: scalar.length)
    }
    let after = skippingClosers(from: run.end)
    if ends(run, closedAt: after) { endSentence(at: after) }
    return after
  }

  private mutating func endSentence(at index: Int) {
    let range = bytes.trimmingWhiteSpace(start..<index)
    if !range.isEmpty { sentences.append(range) }
    start = index
  }

  /// The byte at `index`, or `nil` beyond the end.
  func byte(at index: Int) -> UInt8? { index < end ? bytes[index] : nil }

  func isLineEnd(at index: Int) -> Bool {
    guard let byte = byte(at: index) else { return true }
    return byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
  }

  func skippingBlanks(from index: Int) -> Int {
    var index = index
    while let byte = byte(at: index), byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { index += 1 }
    return index
  }

  private func isBlank(at index: Int) -> Bool {
    guard let byte = byte(at: index) else { return true }
    return byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }

  /// Whether a Markdown heading begins here: one to six `#`, then a blank.
  private func isHeadingMark(at index: Int) -> Bool {
    var cursor = index
    while cursor - index < 7, byte(at: cursor) == UInt8(ascii: "#") { cursor += 1 }
    return (1...6).contains(cursor - index) && isBlank(at: cursor)
  }

  /// Whether a line that begins here is a list item, a row of a table or a heading, and not the rest of a sentence.
  ///
  /// Numbers count up to three digits: a wrapped line may begin with "1990. The".
  private func startsItem(at index: Int) -> Bool {
    guard let first = byte(at: index) else { return true }
    switch first {
    case UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "+"): return isBlank(at: index + 1)
    case UInt8(ascii: "|"): return true
    case UInt8(ascii: "#"): return isHeadingMark(at: index)
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      var cursor = index + 1
      while cursor - index < 4, let digit = byte(at: cursor), (0x30...0x39).contains(digit) { cursor += 1 }
      guard cursor - index < 4, let mark = byte(at: cursor) else { return false }
      return (mark == UInt8(ascii: ".") || mark == UInt8(ascii: ")")) && isBlank(at: cursor + 1)
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
      return byte(at: index + 1) == UInt8(ascii: ")") && isBlank(at: index + 2)
    case 0xE2:
      let scalar = bytes.scalar(at: index)
      return [0x2022, 0x2023, 0x25AA, 0x25CF, 0x25E6].contains(scalar.value) && isBlank(at: index + scalar.length)
    default: return false
    }
  }
}
