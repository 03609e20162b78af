import Domain

/// What a revision adds to the counts of its tenant.
struct WordStatisticsChange {
  /// The number of chunks with each word.
  private(set) var holders: [String: Int] = [:]
  private(set) var chunks = 0
  /// The words of all chunks, repetitions included.
  private(set) var words = 0

  /// Adds a chunk.
  mutating func add(_ indexed: IndexedWords) {
    for word in indexed.counts.keys { holders[word, default: 0] += 1 }
    chunks += 1
    words += indexed.total
  }
}

extension PostgresTransaction {
  /// Adds to the counts of a tenant.
  func change(_ change: WordStatisticsChange, of organization: OrganizationID) async throws {
    guard change.chunks > 0 else { return }
    let holders = change.holders.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    try await execute([
      """
      INSERT INTO word_statistics AS w (organization_id, word, chunk_count)
      SELECT \(organization), n.word, n.chunk_count
      FROM unnest(\(holders.map(\.key)), \(holders.map(\.value))) AS n (word, chunk_count)
      ORDER BY n.word COLLATE "C"
      ON CONFLICT (organization_id, word) DO UPDATE SET chunk_count = w.chunk_count + excluded.chunk_count
      """,
      """
      INSERT INTO chunk_statistics AS s (organization_id, chunk_count, word_count)
      VALUES (\(organization), \(change.chunks), \(change.words))
      ON CONFLICT (organization_id) DO UPDATE
      SET chunk_count = s.chunk_count + excluded.chunk_count, word_count = s.word_count + excluded.word_count
      """,
    ])
  }

  /// Takes the chunks of all revisions of a document out of the counts; must come before the chunks are deleted.
  func removeChunksFromIndex(of document: DocumentID, in organization: OrganizationID) async throws {
    let chunks: SQL = """
      document_chunks AS c JOIN document_revisions AS r ON r.id = c.revision_id
      WHERE r.document_id = \(document) AND c.organization_id = \(organization)
      """
    // Subtracting goes through the same insertion as adding, which locks the rows in the order of the words.
    let gone = try await rows(
      """
      WITH changed AS (
        INSERT INTO word_statistics AS w (organization_id, word, chunk_count)
        SELECT \(organization), n.word, -n.chunk_count
        FROM (
          SELECT substr(u.lexeme, \(raw: "\(Lexemes.prefixLength + 1)")) AS word, count(*) AS chunk_count
          FROM (SELECT c.words FROM \(chunks)) AS c CROSS JOIN LATERAL unnest(c.words) AS u
          GROUP BY 1
        ) AS n
        ORDER BY n.word COLLATE "C"
        ON CONFLICT (organization_id, word) DO UPDATE SET chunk_count = w.chunk_count + excluded.chunk_count
        RETURNING word, chunk_count
      )
      SELECT word FROM changed WHERE chunk_count <= 0
      """
    ).map { try $0.value("word", as: String.self) }
    try await execute([
      """
      DELETE FROM word_statistics
      WHERE organization_id = \(organization) AND word = ANY (\(gone)) AND chunk_count <= 0
      """,
      """
      UPDATE chunk_statistics AS s
      SET chunk_count = s.chunk_count - n.chunk_count, word_count = s.word_count - n.word_count
      FROM (SELECT count(*) AS chunk_count, coalesce(sum(c.word_count), 0)::bigint AS word_count FROM \(chunks)) AS n
      WHERE s.organization_id = \(organization)
      """,
    ])
  }
}
