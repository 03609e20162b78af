/// The words of a text as texts are compared: by a hash each, with where they lie.
///
/// A word is a run of letters and digits, ASCII letters in lower case; each East Asian character is a word. So neither
/// white space, line ends and punctuation nor capitals make two texts differ.
package struct ComparedWords: Sendable {
  /// The words of a shingle; a shorter text is one shingle.
  package static let shingleWords = 5

  /// The words' hashes, in order.
  package private(set) var hashes: [UInt64] = []
  /// Where the words lie, in UTF-8 bytes of the text.
  package private(set) var ranges: [Range<Int>] = []

  /// Takes a text apart, in time linear in its length.
  package init(_ text: String) {
    let bytes = Array(text.utf8)
    hashes.reserveCapacity(bytes.count / 6)
    ranges.reserveCapacity(bytes.count / 6)
    var index = 0
    var start = 0
    var hash = Hash64()
    while index < bytes.count {
      let scalar = bytes.scalar(at: index)
      let next = index + scalar.length
      if ScalarClass.isEastAsian(scalar.value) {
        end(&hash, start..<index)
        for byte in bytes[index..<next] { hash.add(byte) }
        end(&hash, index..<next)
        start = next
      } else if Self.isInWord(scalar.value) {
        for byte in bytes[index..<next] { hash.add((0x41...0x5A).contains(byte) ? byte + 0x20 : byte) }
      } else {
        end(&hash, start..<index)
        start = next
      }
      index = next
    }
    end(&hash, start..<bytes.count)
  }

  /// A hash for each run of ``shingleWords`` words, in order; none for a text without words.
  package var shingles: [UInt64] {
    guard !hashes.isEmpty else { return [] }
    return (0..<max(1, hashes.count - Self.shingleWords + 1)).map { start in
      hashes[start..<min(start + Self.shingleWords, hashes.count)].reduce(0) {
        Hash64.spread($0 &* 0x9E37_79B9_7F4A_7C15 &+ $1)
      }
    }
  }

  /// How much two texts are alike: the share of their shingles that both have, 0 to 1 (the Jaccard similarity of A. Z.
  /// Broder, "On the resemblance and containment of documents", 1997). Where shingles are repeated does not matter.
  package func similarity(to other: ComparedWords) -> Double {
    let (mine, others) = (Set(shingles), Set(other.shingles))
    guard !mine.isEmpty, !others.isEmpty else { return 0 }
    let shared = mine.count < others.count ? mine.count(where: others.contains) : others.count(where: mine.contains)
    return Double(shared) / Double(mine.count + others.count - shared)
  }

  private mutating func end(_ hash: inout Hash64, _ range: Range<Int>) {
    if !range.isEmpty {
      hashes.append(hash.value)
      ranges.append(range)
    }
    hash = Hash64()
  }

  private static func isInWord(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    // Latin-1 symbols, general punctuation, and the punctuation of East Asian texts.
    case ..<0xC0, 0xD7, 0xF7, 0x2000...0x206F, 0x3000...0x303F, 0xFF00...0xFF0F: false
    default: true
    }
  }
}

/// A hash of bytes: FNV-1a with the finish of MurmurHash3, which spreads it over all 64 bits.
struct Hash64 {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }

  var value: UInt64 { Self.spread(state) }

  /// Two numbers that differ give numbers that differ in about half of their bits.
  static func spread(_ number: UInt64) -> UInt64 {
    var number = number
    number = (number ^ (number >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    number = (number ^ (number >> 33)) &* 0xC4CE_B9FE_1A85_EC53
    return number ^ (number >> 33)
  }
}
