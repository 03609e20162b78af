/// A text in units that are never cut, with their sizes, so that the size of any stretch is a subtraction.
///
/// Units are the counter's words; what lies between words and is not white space (characters that a vocabulary drops)
/// makes units too, so that nothing is lost. A unit too large for a chunk is cut at grapheme boundaries, and where a
/// single grapheme is too large (thousands of combining marks), at scalar boundaries.
struct MeasuredText {
  /// Words longer than this are measured as one token a scalar at least: word-piece models take a word of more than 100
  /// characters as one unknown token, and so would put a megabyte of base64 into a single chunk.
  static let longWordBytes = 64

  let bytes: [UInt8]
  /// Where each unit lies, in UTF-8 bytes, in order and without overlap.
  private(set) var units: [Range<Int>] = []
  /// `tokensBefore[i]` is how many tokens units `0..<i` have.
  private var tokensBefore: [Int] = [0]
  private let maximumTokens: Int
  private let maximumBytes: Int

  /// Measures a text once.
  init(_ text: String, counter: any TokenCounter, maximumTokens: Int) {
    bytes = Array(text.utf8)
    self.maximumTokens = maximumTokens
    maximumBytes = maximumTokens * Self.longWordBytes
    let words = counter.words(in: text)
    units.reserveCapacity(words.count)
    tokensBefore.reserveCapacity(words.count + 1)
    var end = 0
    for word in words {
      // A counter that answers overlapping or torn words must not tear a scalar here.
      let range = wholeScalars(from: max(word.range.lowerBound, end), to: min(word.range.upperBound, bytes.count))
      guard !range.isEmpty else { continue }
      addGap(end..<range.lowerBound)
      add(range, tokens: max(word.tokens, 1))
      end = range.upperBound
    }
    addGap(end..<bytes.count)
  }

  /// The tokens of a range of units.
  func tokens(_ range: Range<Int>) -> Int { tokensBefore[range.upperBound] - tokensBefore[range.lowerBound] }

  /// The bytes from the first unit to the end of the last; the range is not empty.
  func byteRange(_ range: Range<Int>) -> Range<Int> {
    units[range.lowerBound].lowerBound..<units[range.upperBound - 1].upperBound
  }

  /// Whether a range of units is small enough for a chunk, in tokens and in bytes.
  func fits(_ range: Range<Int>) -> Bool {
    range.isEmpty || (tokens(range) <= maximumTokens && byteRange(range).count <= maximumBytes)
  }

  /// The first unit that begins at `offset` or after it, found in logarithmic time.
  func firstUnit(from offset: Int) -> Int {
    var lower = 0
    var upper = units.count
    while lower < upper {
      let middle = (lower + upper) / 2
      if units[middle].lowerBound < offset { lower = middle + 1 } else { upper = middle }
    }
    return lower
  }

  /// The units that have a byte in `range`.
  func units(touching range: Range<Int>) -> Range<Int> {
    guard !range.isEmpty else { return 0..<0 }
    var lower = firstUnit(from: range.lowerBound)
    if lower > 0, units[lower - 1].upperBound > range.lowerBound { lower -= 1 }
    return lower..<max(lower, firstUnit(from: range.upperBound))
  }

  /// Whether white space lies between a unit and the one before it.
  func hasSpaceBefore(_ unit: Int) -> Bool {
    unit == 0 || units[unit - 1].upperBound < units[unit].lowerBound
  }

  private func wholeScalars(from start: Int, to end: Int) -> Range<Int> {
    guard start < end else { return start..<start }
    var lower = start
    var upper = end
    while lower < upper, bytes[lower] & 0xC0 == 0x80 { lower += 1 }
    while upper < bytes.count, bytes[upper] & 0xC0 == 0x80 { upper += 1 }
    return bytes.trimmingWhiteSpace(lower..<upper)
  }

  /// Adds the runs without white space of what the counter left out.
  private mutating func addGap(_ range: Range<Int>) {
    var index = range.lowerBound
    var start: Int?
    while index < range.upperBound {
      let scalar = bytes.scalar(at: index)
      if ScalarClass.isWhiteSpace(scalar.value) {
        if let first = start { add(first..<index, tokens: 1) }
        start = nil
      } else if start == nil {
        start = index
      }
      index += scalar.length
    }
    if let first = start { add(first..<range.upperBound, tokens: 1) }
  }

  private mutating func add(_ range: Range<Int>, tokens: Int) {
    var tokens = tokens
    if range.count > Self.longWordBytes { tokens = max(tokens, scalarCount(range)) }
    if tokens <= maximumTokens, range.count <= maximumBytes {
      append(range, tokens: tokens)
    } else {
      cut(range, tokens: tokens)
    }
  }

  private mutating func append(_ range: Range<Int>, tokens: Int) {
    units.append(range)
    tokensBefore.append(tokensBefore[tokensBefore.count - 1] + tokens)
  }

  /// Cuts a unit into pieces of at most ``maximumTokens`` scalars; a scalar counts as its share of the unit's tokens.
  private mutating func cut(_ range: Range<Int>, tokens: Int) {
    let scalars = scalarCount(range)
    let perScalar = max(1, (tokens + scalars - 1) / scalars)
    let most = max(1, maximumTokens / perScalar)
    var start = range.lowerBound
    var end = start
    var size = 0
    func flush(_ text: inout MeasuredText) {
      if end > start { text.append(start..<end, tokens: min(size * perScalar, text.maximumTokens)) }
      start = end
      size = 0
    }
    for grapheme in String(decoding: bytes[range], as: UTF8.self) {
      let count = grapheme.unicodeScalars.count
      if size + count > most { flush(&self) }
      if count <= most {
        end += grapheme.utf8.count
        size += count
      } else {
        for scalar in grapheme.unicodeScalars {
          if size == most { flush(&self) }
          end += UTF8.width(scalar)
          size += 1
        }
      }
    }
    flush(&self)
  }

  private func scalarCount(_ range: Range<Int>) -> Int {
    var count = 0
    for byte in bytes[range] where byte & 0xC0 != 0x80 { count += 1 }
    return count
  }
}
