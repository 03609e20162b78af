/// The lexemes of a `tsvector`, each with its one position: how often the word occurs.
///
/// Source of the format: `tsvectorsend` in `tsvector.c`: the number of lexemes, then each as a C string with the number
/// of its positions and the positions, of which the two highest bits are a weight.
struct WordFrequencies {
  private let bytes: [UInt8]
  /// Where each lexeme begins and how often it occurs.
  private var entries: [(start: Int, length: Int, count: Int)] = []

  /// Reads what `tsvectorsend` gives; `nil` when it is no such thing.
  init?(_ bytes: [UInt8]) {
    self.bytes = bytes
    guard bytes.count >= 4 else { return nil }
    let number = bytes[0..<4].reduce(0) { $0 << 8 | Int($1) }
    var offset = 4
    for _ in 0..<number {
      guard let end = bytes[offset...].firstIndex(of: 0), end + 3 <= bytes.count else { return nil }
      let positions = Int(bytes[end + 1]) << 8 | Int(bytes[end + 2])
      let next = end + 3 + 2 * positions
      guard positions >= 1, next <= bytes.count else { return nil }
      let count = (Int(bytes[end + 3]) << 8 | Int(bytes[end + 4])) & 0x3FFF
      entries.append((offset, end - offset, count))
      offset = next
    }
    guard offset == bytes.count else { return nil }
  }

  /// How often a lexeme occurs; `nil` for one that is not there.
  func count(of lexeme: String) -> Int? {
    let wanted = lexeme.utf8
    return entries.first { entry in
      entry.length == wanted.count && bytes[entry.start..<(entry.start + entry.length)].elementsEqual(wanted)
    }?.count
  }
}
