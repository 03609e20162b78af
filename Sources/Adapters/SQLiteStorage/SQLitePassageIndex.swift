package import Application
package import Domain
import FoundationEssentials
import GRDB

/// Search over the chunks in SQLite: words by FTS5, vectors by an exact scan of memory.
package struct SQLitePassageIndex: PassageIndex {
  private let database: SQLiteDatabase
  private let vectors: VectorIndex

  /// Searches the chunks of `database`.
  init(_ database: SQLiteDatabase, vectors: VectorIndex) {
    self.database = database
    self.vectors = vectors
  }

  package func lexical(
    _ query: String, in scope: SearchScope, limit: Int
  ) async throws(StorageFailure) -> [ScoredChunk] {
    guard let match = LexicalQuery.match(query), limit > 0 else { return [] }
    return try await database.read { db in
      let conditions = try scope.conditions()
      return try Row.fetchAll(
        db,
        sql: """
          SELECT c.id, -bm25(chunk_search) AS score
          FROM chunk_search
          CROSS JOIN document_chunks AS c ON c.row_id = chunk_search.rowid
          CROSS JOIN document_revisions AS r ON r.row_id = c.revision_row_id
          CROSS JOIN documents AS d ON d.id = r.document_id
          WHERE chunk_search MATCH ? AND \(conditions.sql)
          ORDER BY score DESC, c.id LIMIT ?
          """,
        arguments: StatementArguments([match.databaseValue] + conditions.arguments + [limit.databaseValue])
      ).map { row in ScoredChunk(id: try row.id("id"), score: try row.value("score")) }
    }
  }

  package func semantic(
    _ vector: Embedding, model: String, in scope: SearchScope, limit: Int
  ) async throws(StorageFailure) -> [ScoredChunk] {
    // On the reader's own thread, scan included: the caller's executor is not for such work.
    try await database.read { [vectors] db in
      try vectors.nearest(to: vector, model: model, in: scope, limit: limit, current: db)
    }
  }

  package func lexicalScores(
    _ query: String, of ids: [ChunkID], in scope: SearchScope
  ) async throws(StorageFailure) -> [ChunkID: Double] {
    guard let match = LexicalQuery.match(query), !ids.isEmpty else { return [:] }
    return try await database.read { db in
      let known = try db.rows(ofChunks: ids, in: scope.organizationID)
      // The plus keeps the index of words from being asked anew, with all that it counts first, for each row.
      let scored = try Row.fetchAll(
        db,
        cached: """
          SELECT rowid, -bm25(chunk_search) AS score FROM chunk_search
          WHERE chunk_search MATCH ? AND +rowid IN (SELECT value FROM json_each(?))
          """,
        arguments: [match, try Array(known.keys).json()])
      return try scored.reduce(into: [:]) { scores, row in
        if let id = known[try row.value("rowid")] { scores[id] = try row.value("score") }
      }
    }
  }

  package func vectors(
    of ids: [ChunkID], model: String, in organization: OrganizationID
  ) async throws(StorageFailure) -> [ChunkID: Embedding] {
    try await database.read { db in
      let model = try Int64.fetchOne(
        db, cached: "SELECT row_id FROM embedding_models WHERE name = ?", arguments: [model.sql])
      guard let model else { return [:] }
      let statement = try db.cachedStatement(
        sql: """
          SELECT v.vector FROM document_chunks AS c
          JOIN chunk_vectors AS v ON v.chunk_row_id = c.row_id AND v.model_row_id = ?
          WHERE c.id = ? AND c.organization_id = ?
          """)
      return try ids.reduce(into: [:]) { vectors, id in
        guard let row = try Row.fetchOne(statement, arguments: [model.databaseValue, id.sql, organization.sql]) else {
          return
        }
        vectors[id] = try row.withUnsafeData(named: "vector") { bytes in
          guard let bytes, let vector = bytes.withUnsafeBytes(Embedding.init(bytes:)) else {
            throw UnreadableValue(column: "vector")
          }
          return vector
        }
      }
    }
  }

  package func neighbours(
    of ids: [ChunkID], reach: Int, in organization: OrganizationID
  ) async throws(StorageFailure) -> [ChunkID: [Passage]] {
    guard reach > 0 else { return [:] }
    return try await database.read { db in
      let statement = try db.cachedStatement(
        sql: """
          SELECT \(Passage.columns)
          FROM document_chunks AS middle
          JOIN document_chunks AS c ON c.revision_row_id = middle.revision_row_id
            AND c.ordinal BETWEEN middle.ordinal - :reach AND middle.ordinal + :reach AND c.row_id <> middle.row_id
          JOIN document_revisions AS r ON r.row_id = c.revision_row_id
          \(Passage.people)
          WHERE middle.row_id = :middle ORDER BY c.ordinal
          """)
      return try db.rows(ofChunks: ids, in: organization).reduce(into: [:]) { neighbours, chunk in
        let rows = try Row.fetchAll(statement, arguments: ["reach": reach, "middle": chunk.key])
        if !rows.isEmpty { neighbours[chunk.value] = try rows.map(Passage.init(row:)) }
      }
    }
  }

  package func passages(
    _ ids: [ChunkID], in organization: OrganizationID
  ) async throws(StorageFailure) -> [Passage] {
    try await database.read { db in
      let statement = try db.cachedStatement(
        sql: """
          SELECT \(Passage.columns)
          FROM document_chunks AS c JOIN document_revisions AS r ON r.row_id = c.revision_row_id
          \(Passage.people)
          WHERE c.id = ? AND c.organization_id = ?
          """)
      return try ids.compactMap { id in
        try Row.fetchOne(statement, arguments: [id.sql, organization.sql]).map(Passage.init(row:))
      }
    }
  }

  package func unembedded(
    by model: String, limit: Int
  ) async throws(StorageFailure) -> UnembeddedPassages? {
    guard limit > 0 else { return nil }
    return try await database.read { db in
      try db.unembedded(by: model, "r.superseded_at IS NULL", limit: limit)
        ?? db.unembedded(by: model, "r.superseded_at IS NOT NULL", limit: limit)
    }
  }

  package func store(
    _ embeddings: [ChunkID: Embedding], model: String, in organization: OrganizationID
  ) async throws(StorageFailure) {
    guard !embeddings.isEmpty else { return }
    try await database.write { db in
      var rows: [(Int64, Embedding)] = []
      var revisions: Set<Int64> = []
      for (id, embedding) in embeddings {
        let row = try Row.fetchOne(
          db, cached: "SELECT row_id, revision_row_id FROM document_chunks WHERE id = ? AND organization_id = ?",
          arguments: [id.sql, organization.sql])
        guard let row else { continue }
        rows.append((try row.value("row_id"), embedding))
        revisions.insert(try row.value("revision_row_id"))
      }
      try db.insert(rows, model: model)
      for revision in revisions.sorted() { try db.logVectorChange(ofRevision: revision) }
    }
  }
}

extension Database {
  /// The oldest chunks without a vector among the revisions `r` of one age.
  fileprivate func unembedded(by model: String, _ age: String, limit: Int) throws -> UnembeddedPassages? {
    // In this order, the first rows are found without looking at the others.
    let gaps = """
      FROM document_revisions AS r CROSS JOIN document_chunks AS c ON c.revision_row_id = r.row_id
      \(Passage.people)
      WHERE \(age) AND NOT EXISTS (
        SELECT 1 FROM chunk_vectors AS v JOIN embedding_models AS m ON m.row_id = v.model_row_id
        WHERE v.chunk_row_id = c.row_id AND m.name = :model)
      """
    let order = "ORDER BY r.published_at, r.id, c.ordinal"
    let oldest = try Row.fetchOne(
      self, cached: "SELECT r.organization_id \(gaps) \(order) LIMIT 1", arguments: ["model": model.sql])
    guard let tenant = try oldest?.id("organization_id", of: Organization.self) else { return nil }
    let passages = try Row.fetchAll(
      self, cached: "SELECT \(Passage.columns) \(gaps) AND r.organization_id = :tenant \(order) LIMIT :limit",
      arguments: ["model": model.sql, "tenant": tenant.sql, "limit": limit]
    ).map(Passage.init(row:))
    return UnembeddedPassages(organizationID: tenant, passages: passages)
  }

  /// A tenant's chunks by their rows; those that are gone are left out.
  fileprivate func rows(
    ofChunks ids: [ChunkID], in organization: OrganizationID
  ) throws -> [Int64: ChunkID] {
    let statement = try cachedStatement(
      sql: "SELECT row_id FROM document_chunks WHERE id = ? AND organization_id = ?")
    return try ids.reduce(into: [:]) { rows, id in
      if let row = try Int64.fetchOne(statement, arguments: [id.sql, organization.sql]) { rows[row] = id }
    }
  }
}

extension Passage {
  /// What is read of a chunk `c` and its revision `r`.
  fileprivate static let columns = """
    c.id, c.ordinal, c.start_offset, c.end_offset, c.text, c.headings, c.start_page, c.end_page, r.document_id,
    r.id AS revision_id, r.title, r.submitted_by, r.approved_by, submitter.display_name AS submitter, approver.display_name AS approver
    """

  /// Joins the people; someone without an account has their id for a name.
  fileprivate static let people = """
    LEFT JOIN users AS submitter ON submitter.id = r.submitted_by
    LEFT JOIN users AS approver ON approver.id = r.approved_by
    """

  /// Reads a row of ``columns``.
  fileprivate init(row: Row) throws {
    self.init(
      chunk: DocumentChunk(
        id: try row.id("id"), ordinal: try row.value("ordinal"), startOffset: try row.value("start_offset"),
        endOffset: try row.value("end_offset"), text: try row.value("text"), headings: try row.json("headings"),
        pages: PageSpan(first: try row.optional("start_page"), last: try row.optional("end_page"))),
      documentID: try row.id("document_id"), revisionID: try row.id("revision_id"), title: try row.value("title"),
      submittedBy: try row.optional("submitter") ?? row.id("submitted_by", of: User.self).description,
      approvedBy: try row.optional("approver") ?? row.id("approved_by", of: User.self).description)
  }
}
