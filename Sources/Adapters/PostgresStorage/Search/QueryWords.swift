import Domain

/// The words of a query that a tenant's chunks have, with what the tenant's statistics say of them.
struct QueryWords {
  struct Word {
    let stem: String
    let weight: Double
    let chunkCount: Int
  }

  /// In the order of the query.
  let inOrder: [Word]
  /// Rarest first.
  let rarestFirst: [Word]
  /// The tenant's chunks, those of superseded revisions included.
  let chunkCount: Int
  /// The average length of one, in words.
  let averageLength: Double
  private let lexemes: Lexemes

  /// Looks the stems of a query up; `nil` when no chunk of the tenant has any of them.
  init?(_ stems: [String], of organization: OrganizationID, in transaction: PostgresTransaction) async throws {
    let rows = try await transaction.rows(
      """
      SELECT w.word, w.chunk_count AS holders, s.chunk_count AS chunks, s.word_count AS words
      FROM chunk_statistics AS s
      JOIN word_statistics AS w ON w.organization_id = s.organization_id AND w.word = ANY (\(stems))
      WHERE s.organization_id = \(organization) AND w.chunk_count > 0
      """)
    guard let first = rows.first else { return nil }
    let chunks = try first.value("chunks", as: Int.self)
    let holders = Dictionary(
      try rows.map { (try $0.value("word", as: String.self), try $0.value("holders", as: Int.self)) },
      uniquingKeysWith: { first, _ in first })
    inOrder = stems.compactMap { stem in
      holders[stem].map { Word(stem: stem, weight: BM25.weight(holders: $0, of: chunks), chunkCount: $0) }
    }
    rarestFirst = inOrder.sorted { ($0.chunkCount, $0.stem) < ($1.chunkCount, $1.stem) }
    chunkCount = chunks
    averageLength = max(Double(try first.value("words", as: Int.self)) / Double(max(chunks, 1)), 1)
    lexemes = Lexemes(of: organization)
  }

  /// The rarest words with what each can add at the most when frequency makes so much of its weight.
  func bounded(saturation: Double, most: Int) -> [BoundedWord] {
    rarestFirst.prefix(most).map { word in
      BoundedWord(
        lexeme: lexemes.quoted(word.stem), bound: saturation * word.weight, chunkCount: word.chunkCount)
    }
  }

  /// The weights, to be multiplied with those of the chunks.
  var vector: SparseVector {
    var entries: [Int: Float] = [:]
    for word in inOrder { entries[Lexemes.dimension(of: word.stem), default: 0] += Float(word.weight) }
    return SparseVector(dimensions: Lexemes.dimensions, entries: entries.map { (index: $0.key, value: $0.value) })
  }

  /// The score of a chunk.
  ///
  /// - Parameter frequencies: how often each lexeme occurs in it.
  func score(_ frequencies: WordFrequencies, length: Int) -> Double {
    inOrder.reduce(0) { sum, word in
      guard let count = frequencies.count(of: lexemes.prefix + word.stem) else { return sum }
      return sum + BM25.score(weight: word.weight, count: count, length: length, average: averageLength)
    }
  }
}
