package import Application
package import Domain
import FoundationEssentials

/// Search over the chunks in PostgreSQL: words by a GIN index and BM25, vectors by pgvector.
package struct PostgresPassageIndex: PassageIndex {
  private let database: PostgresDatabase
  private let settings: PostgresSearchSettings
  private let pgvector = VectorExtension()

  /// Searches the chunks of `database`.
  package init(_ database: PostgresDatabase, settings: PostgresSearchSettings = PostgresSearchSettings()) {
    self.database = database
    self.settings = settings
  }

  package func lexical(
    _ query: String, in scope: SearchScope, limit: Int
  ) async throws(StorageFailure) -> [ScoredChunk] {
    let stems = SearchWords.ofQuery(query).filter(IndexedWords.isIndexed)
    guard !stems.isEmpty, limit > 0 else { return [] }
    return try await database.read(in: scope.organizationID) { transaction in
      guard let words = try await QueryWords(stems, of: scope.organizationID, in: transaction) else { return [] }
      return try await LexicalSearch(
        transaction: transaction, scope: scope, words: words, limit: limit, settings: settings
      ).best()
    }
  }

  package func semantic(
    _ vector: Embedding, model: String, in scope: SearchScope, limit: Int
  ) async throws(StorageFailure) -> [ScoredChunk] {
    let walk = settings.walk(limit: limit, goesOn: try await pgvector.canGoOn(in: database))
    return try await database.read(in: scope.organizationID, settings: walk) { transaction in
      try await SemanticSearch(
        transaction: transaction, vector: vector, model: model, scope: scope, limit: max(limit, 0),
        settings: settings
      ).best()
    }
  }

  package func lexicalScores(
    _ query: String, of ids: [ChunkID], in scope: SearchScope
  ) async throws(StorageFailure) -> [ChunkID: Double] {
    let stems = SearchWords.ofQuery(query).filter(IndexedWords.isIndexed)
    guard !stems.isEmpty, !ids.isEmpty else { return [:] }
    return try await database.read(in: scope.organizationID) { transaction in
      guard let words = try await QueryWords(stems, of: scope.organizationID, in: transaction) else { return [:] }
      return try await transaction.scores(of: ids, by: words)
    }
  }

  package func vectors(
    of ids: [ChunkID], model: String, in organization: OrganizationID
  ) async throws(StorageFailure) -> [ChunkID: Embedding] {
    guard !ids.isEmpty else { return [:] }
    let rows = try await database.query(
      in: organization, readOnly: true,
      """
      SELECT chunk_id, vector_send(embedding) AS vector FROM chunk_embeddings
      WHERE chunk_id = ANY (\(ids)) AND embedding_model = \(model) AND organization_id = \(organization)
      """)
    do {
      return try rows.reduce(into: [:]) { vectors, row in
        guard let vector = Embedding(postgres: try row.value("vector")) else {
          throw UnreadableValue(column: "embedding")
        }
        vectors[try row.id("chunk_id")] = vector
      }
    } catch {
      throw StorageFailure(error)
    }
  }

  package func neighbours(
    of ids: [ChunkID], reach: Int, in organization: OrganizationID
  ) async throws(StorageFailure) -> [ChunkID: [Passage]] {
    guard !ids.isEmpty, reach > 0 else { return [:] }
    let rows = try await database.query(
      in: organization, readOnly: true,
      """
      SELECT middle.id AS middle_id, \(Passage.columns)
      FROM document_chunks AS middle
      JOIN document_chunks AS c ON c.revision_id = middle.revision_id AND c.organization_id = \(organization)
        AND c.ordinal BETWEEN middle.ordinal - \(reach) AND middle.ordinal + \(reach) AND c.id <> middle.id
      JOIN document_revisions AS r ON r.id = c.revision_id
      \(Passage.people)
      WHERE middle.id = ANY (\(ids)) AND middle.organization_id = \(organization)
      ORDER BY middle.id, c.ordinal
      """)
    do {
      return try rows.reduce(into: [:]) { neighbours, row in
        neighbours[try row.id("middle_id"), default: []].append(try Passage(row: row))
      }
    } catch {
      throw StorageFailure(error)
    }
  }

  package func passages(
    _ ids: [ChunkID], in organization: OrganizationID
  ) async throws(StorageFailure) -> [Passage] {
    guard !ids.isEmpty else { return [] }
    let rows = try await database.query(
      in: organization, readOnly: true,
      """
      SELECT \(Passage.columns)
      FROM unnest(\(ids)) WITH ORDINALITY AS wanted (id, place)
      JOIN document_chunks AS c ON c.id = wanted.id AND c.organization_id = \(organization)
      JOIN document_revisions AS r ON r.id = c.revision_id
      \(Passage.people)
      ORDER BY wanted.place
      """)
    do { return try rows.map(Passage.init(row:)) } catch { throw StorageFailure(error) }
  }

  package func unembedded(by model: String, limit: Int) async throws(StorageFailure) -> UnembeddedPassages? {
    guard limit > 0 else { return nil }
    let found = try await database.query(
      in: nil, readOnly: true, "SELECT tenant_of_unembedded(\(model)) AS organization_id")
    let organization: OrganizationID?
    do { organization = try found.first?.optionalID("organization_id") } catch { throw StorageFailure(error) }
    guard let organization else { return nil }
    let passages = try await database.read(in: organization) { transaction in
      for age: SQL in ["r.superseded_at IS NULL", "r.superseded_at IS NOT NULL"] {
        let rows = try await transaction.rows(
          """
          SELECT \(Passage.columns)
          FROM document_revisions AS r JOIN document_chunks AS c ON c.revision_id = r.id
          \(Passage.people)
          WHERE r.organization_id = \(organization) AND \(age) AND NOT EXISTS (
            SELECT FROM chunk_embeddings AS e WHERE e.chunk_id = c.id AND e.embedding_model = \(model))
          ORDER BY r.published_at, r.id, c.ordinal LIMIT \(limit)
          """)
        if !rows.isEmpty { return try rows.map(Passage.init(row:)) }
      }
      return []
    }
    // Another worker may have stored them in this moment.
    return passages.isEmpty ? nil : UnembeddedPassages(organizationID: organization, passages: passages)
  }

  package func store(
    _ embeddings: [ChunkID: Embedding], model: String, in organization: OrganizationID
  ) async throws(StorageFailure) {
    guard !embeddings.isEmpty else { return }
    try await database.write(in: organization) { transaction in
      let rows = try await transaction.rows(
        """
        SELECT id, revision_id FROM document_chunks
        WHERE id = ANY (\(Array(embeddings.keys))) AND organization_id = \(organization) ORDER BY id FOR KEY SHARE
        """)
      var vectors: [RevisionID: [(ChunkID, Embedding)]] = [:]
      for row in rows {
        let id: ChunkID = try row.id("id")
        guard let embedding = embeddings[id] else { continue }
        vectors[try row.id("revision_id"), default: []].append((id, embedding))
      }
      for (revision, vectors) in vectors.sorted(by: { $0.key < $1.key }) {
        try await transaction.store(vectors, of: revision, model: model, in: organization)
      }
    }
  }
}

extension PostgresSearchSettings {
  /// The server's settings for a walk through an HNSW index, which must be able to see as many as are wanted.
  ///
  /// The server does not sort what the index gives in order, however few rows it expects.
  ///
  /// - Parameter goesOn: whether it may go on where filters leave too few; see ``VectorExtension``.
  func walk(limit: Int, goesOn: Bool) -> [PostgresDatabase.Setting] {
    let wanted = min(max(efSearch, limit + limit / 10 + 10, 1), 1_000)
    let settings = [("hnsw.ef_search", "\(wanted)"), ("enable_sort", "off"), ("jit", "off")]
    guard goesOn else { return settings }
    return settings + [
      ("hnsw.iterative_scan", "relaxed_order"), ("hnsw.max_scan_tuples", "\(max(maximumScannedVectors, 1))"),
    ]
  }
}

extension Passage {
  /// What is read of a chunk `c` and its revision `r`.
  fileprivate static var columns: SQL {
    """
    c.id, c.ordinal, c.start_offset, c.end_offset, c.text, c.headings, c.start_page, c.end_page, r.document_id,
    r.id AS revision_id, r.title, r.submitted_by, r.approved_by, submitter.display_name AS submitter, approver.display_name AS approver
    """
  }

  /// Joins the people; someone without an account has their id for a name.
  fileprivate static var people: SQL {
    """
    LEFT JOIN users AS submitter ON submitter.id = r.submitted_by
    LEFT JOIN users AS approver ON approver.id = r.approved_by
    """
  }

  /// Reads a row of ``columns``.
  fileprivate init(row: PostgresRow) throws {
    self.init(
      chunk: DocumentChunk(
        id: try row.id("id"), ordinal: try row.value("ordinal"), startOffset: try row.value("start_offset"),
        endOffset: try row.value("end_offset"), text: try row.value("text"), headings: try row.value("headings"),
        pages: PageSpan(first: try row.optional("start_page"), last: try row.optional("end_page"))),
      documentID: try row.id("document_id"), revisionID: try row.id("revision_id"), title: try row.value("title"),
      submittedBy: try row.optional("submitter") ?? row.id("submitted_by", of: User.self).description,
      approvedBy: try row.optional("approver") ?? row.id("approved_by", of: User.self).description)
  }
}
