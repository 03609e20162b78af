import Domain

/// The words of a chunk, its title and headings as the index keeps them.
struct IndexedWords {
  /// Longer words, in UTF-8 bytes, are no words of the index: a lexeme has 2,046 at most.
  static let maximumLength = 2_042
  /// More different words of a chunk are left out: `sparsevec` holds 16,000.
  static let maximumDifferentWords = 10_000
  /// More bytes of different words are left out: `tsvector` holds a megabyte, some bytes a word besides.
  static let maximumBytes = 800_000

  /// How often each occurs.
  private(set) var counts: [String: Int] = [:]
  /// The length: all words, also those that are left out.
  private(set) var total = 0

  /// Splits what is indexed of a chunk.
  ///
  /// - Parameter stems: the stems that are known from other chunks; most words of a document come again.
  init(title: String, chunk: DocumentChunk, stems: inout [String: String]) {
    var bytes = 0
    for text in [title] + chunk.headings + [chunk.text] {
      for word in SearchWords.words(in: text) {
        let stem = stems[word] ?? PorterStemmer.stem(word)
        stems[word] = stem
        total += 1
        if let count = counts[stem] {
          counts[stem] = count + 1
        } else if Self.isIndexed(stem), counts.count < Self.maximumDifferentWords,
          bytes + stem.utf8.count <= Self.maximumBytes
        {
          counts[stem] = 1
          bytes += stem.utf8.count
        }
      }
    }
  }

  /// Whether a word can be in the index at all.
  static func isIndexed(_ stem: String) -> Bool { stem.utf8.count <= maximumLength }

  /// The text of the `tsvector`.
  func vector(in organization: OrganizationID) -> String {
    let lexemes = Lexemes(of: organization)
    // A position is 16,383 at most.
    return counts.map { "\(lexemes.quoted($0.key)):\(min($0.value, 16_383))" }.joined(separator: " ")
  }

  /// The text of the `sparsevec` of weights.
  var weights: String {
    var entries: [Int: Float] = [:]
    for (word, count) in counts {
      let weight = BM25.score(weight: 1, count: count, length: total, average: BM25.referenceLength)
      // Two words of one hash: the higher of their weights stays a bound of what each adds.
      entries[Lexemes.dimension(of: word), default: 0].raise(to: Float(weight))
    }
    return "{" + entries.map { "\($0.key + 1):\($0.value)" }.joined(separator: ",") + "}/\(Lexemes.dimensions)"
  }
}

extension Float {
  fileprivate mutating func raise(to value: Float) { self = max(self, value) }
}

/// How words stand in the index of a tenant.
struct Lexemes {
  /// The width of the vectors of weights, the largest that there is.
  static let dimensions = 1_000_000_000
  /// How many characters come before the word.
  static let prefixLength = 4

  /// The last four hexadecimal digits of the tenant's id, which the clock has no part in: so the index has lists of a
  /// tenant's own, and a small tenant's search does not read a large one's. Two tenants may share one by chance; the
  /// rows say whose they are.
  let prefix: String

  /// The lexemes of a tenant.
  init(of organization: OrganizationID) {
    prefix = String(organization.description.suffix(Self.prefixLength))
  }

  /// The lexeme as the text of a `tsvector` or `tsquery`; words have neither quotes nor backslashes.
  func quoted(_ word: String) -> String { "'\(prefix)\(word)'" }

  /// Where a word's weight stands in the vectors: FNV-1a of 64 bits, reduced to their width.
  ///
  /// Source: http://www.isthe.com/chongo/tech/comp/fnv/
  static func dimension(of word: String) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in word.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return Int(hash % UInt64(dimensions))
  }
}
