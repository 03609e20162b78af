/// A unit that is cut into word pieces by itself.
enum BertWord {
  /// Folded scalars: a run of letters, one punctuation mark, or one ideograph.
  case characters([UInt32])
  /// A special token that stands in the text.
  case special(Int32)
}

/// Cuts a text into words and remembers where each came from.
struct BertWordSplitter {
  let characters: BertCharacters
  let specials: [(bytes: [UInt8], identifier: Int32)]
  private var word: [UInt32] = []
  private var start = 0
  private var end = 0

  init(characters: BertCharacters, specials: [(bytes: [UInt8], identifier: Int32)]) {
    self.characters = characters
    self.specials = specials
  }

  /// Calls `body` with each word and its range in UTF-8 bytes, in order, until it returns false.
  ///
  /// A range covers the accents of its word, but not the white space and control characters around it. Very long
  /// words arrive cut to one character more than the tokenizer accepts, with their full range.
  mutating func forEachWord(in text: String, _ body: (Range<Int>, BertWord) -> Bool) {
    var text = text
    text.withUTF8 { bytes in
      var position = 0
      while position < bytes.count {
        if bytes[position] == UInt8(ascii: "["), let special = special(in: bytes, at: position) {
          let next = position + special.bytes.count
          guard flush(body), body(position..<next, .special(special.identifier)) else { return }
          position = next
          continue
        }
        // Most of all text: kinds and folds of these need no table.
        if let plain = Self.foldedLetter(bytes[position]) {
          append(plain, position..<position + 1)
          position += 1
          continue
        }
        let (scalar, next) = Self.scalar(in: bytes, at: position)
        guard take(scalar, position..<next, body) else { return }
        position = next
      }
      _ = flush(body)
    }
  }

  private mutating func take(_ scalar: UInt32, _ range: Range<Int>, _ body: (Range<Int>, BertWord) -> Bool) -> Bool {
    switch characters.kind(of: scalar) {
    case .removed:
      return true
    case .whitespace:
      return flush(body)
    case .mark:
      if !word.isEmpty { end = range.upperBound }
      return true
    case .ideograph:
      guard flush(body) else { return false }
      characters.fold(scalar) { append($0, range) }
      return flush(body)
    case .letter, .punctuation:
      var goesOn = true
      // Only after folding is it known what ends a word: U+037E, a letter by its looks, becomes a semicolon.
      characters.fold(scalar) { folded in
        if characters.kind(of: folded) == .punctuation {
          goesOn = goesOn && flush(body) && body(range, .characters([folded]))
        } else {
          append(folded, range)
        }
      }
      return goesOn
    }
  }

  /// An ASCII letter in lower case, or a digit; `nil` for anything else.
  private static func foldedLetter(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte)
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte | 0x20)
    default: nil
    }
  }

  private mutating func append(_ folded: UInt32, _ range: Range<Int>) {
    if word.isEmpty { start = range.lowerBound }
    end = range.upperBound
    if word.count <= BertTokenizer.longestWord { word.append(folded) }
  }

  private mutating func flush(_ body: (Range<Int>, BertWord) -> Bool) -> Bool {
    if word.isEmpty { return true }
    let goesOn = body(start..<end, .characters(word))
    word.removeAll(keepingCapacity: true)
    return goesOn
  }

  private func special(
    in bytes: UnsafeBufferPointer<UInt8>,
    at position: Int
  ) -> (bytes: [UInt8], identifier: Int32)? {
    specials.first { bytes[position...].starts(with: $0.bytes) }
  }

  /// The scalar at `position` and where the next one begins; the bytes come from a String, so they are valid UTF-8.
  private static func scalar(in bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> (UInt32, Int) {
    let lead = UInt32(bytes[position])
    if lead < 0x80 { return (lead, position + 1) }
    let second = UInt32(bytes[position + 1] & 0x3F)
    if lead < 0xE0 { return ((lead & 0x1F) << 6 | second, position + 2) }
    let third = UInt32(bytes[position + 2] & 0x3F)
    if lead < 0xF0 { return ((lead & 0x0F) << 12 | second << 6 | third, position + 3) }
    return ((lead & 0x07) << 18 | second << 12 | third << 6 | UInt32(bytes[position + 3] & 0x3F), position + 4)
  }
}
