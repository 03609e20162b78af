import Application
import Domain
import FoundationEssentials

extension PostgresTransaction {
  /// So many chunks are written by one statement: about a megabyte of parameters.
  private static var chunksAtATime: Int { 250 }

  /// Writes the chunks of a new revision with their words and vectors, and counts their words.
  ///
  /// What the tenant's publications share, the counts, is changed last, in the order of the words, so that two wait for
  /// each other shortly and never both.
  ///
  /// - Throws: `StorageFailure.conflict("dimensions")` when the vectors are not as wide as the model's others.
  func indexChunks(
    _ draft: RevisionDraft, of revision: RevisionID, document: DocumentID, in organization: OrganizationID
  ) async throws {
    var statistics = WordStatisticsChange()
    var stems: [String: String] = [:]
    var start = 0
    while start < draft.chunks.count {
      let chunks = draft.chunks[start..<min(start + Self.chunksAtATime, draft.chunks.count)]
      let words = chunks.map { IndexedWords(title: draft.title, chunk: $0, stems: &stems) }
      for words in words { statistics.add(words) }
      try await insert(Array(chunks), words: words, of: revision, in: organization)
      start += chunks.count
    }
    if let model = draft.embeddingModel, !draft.embeddings.isEmpty {
      try await store(
        Array(zip(draft.chunks.map(\.id), draft.embeddings)), of: revision, model: model, in: organization)
    }
    try await change(statistics, of: organization)
  }

  private func insert(
    _ chunks: [DocumentChunk], words: [IndexedWords], of revision: RevisionID, in organization: OrganizationID
  ) async throws {
    let encoder = JSONEncoder()
    // An array holds no NULL here; no page has the number 0.
    let firstPages = chunks.map { $0.pages?.first ?? 0 }
    let lastPages = chunks.map { $0.pages?.last ?? 0 }
    let headings = try chunks.map { String(decoding: try encoder.encode($0.headings), as: UTF8.self) }
    try await execute(
      """
      INSERT INTO document_chunks (id, organization_id, revision_id, ordinal, start_offset, end_offset, headings, text,
        words, word_weights, word_count, start_page, end_page)
      SELECT c.id, \(organization), \(revision), c.ordinal, c.start_offset, c.end_offset,
        ARRAY(SELECT jsonb_array_elements_text(c.headings::jsonb)), c.text, c.words::tsvector, c.weights::sparsevec,
        c.word_count, nullif(c.start_page, 0), nullif(c.end_page, 0)
      FROM unnest(\(chunks.map(\.id)), \(chunks.map(\.ordinal)), \(chunks.map(\.startOffset)),
        \(chunks.map(\.endOffset)), \(headings), \(chunks.map(\.text)), \(words.map { $0.vector(in: organization) }),
        \(words.map(\.weights)), \(words.map(\.total)), \(firstPages), \(lastPages))
        AS c (id, ordinal, start_offset, end_offset, headings, text, words, weights, word_count, start_page, end_page)
      """)
  }

  /// Adds or replaces the vectors of chunks of one revision.
  ///
  /// - Throws: `StorageFailure.conflict("dimensions")` when they are not as wide as the model's others.
  func store(
    _ vectors: [(ChunkID, Embedding)], of revision: RevisionID, model: String, in organization: OrganizationID
  ) async throws {
    guard let width = vectors.first?.1.values.count else { return }
    try await execute(
      """
      INSERT INTO embedding_models (organization_id, name, dimensions)
      VALUES (\(organization), \(model), \(width)) ON CONFLICT DO NOTHING
      """)
    let known = try await first(
      "SELECT dimensions FROM embedding_models WHERE organization_id = \(organization) AND name = \(model)")
    guard let known, try known.value("dimensions") == width, vectors.allSatisfy({ $0.1.values.count == width })
    else { throw StorageFailure.conflict("dimensions") }
    var start = 0
    while start < vectors.count {
      let part = vectors[start..<min(start + Self.chunksAtATime, vectors.count)]
      try await execute(
        """
        INSERT INTO chunk_embeddings (chunk_id, organization_id, revision_id, embedding_model, embedding)
        SELECT v.chunk_id, \(organization), \(revision), \(model), v.embedding::vector
        FROM unnest(\(part.map(\.0)), \(part.map(\.1.text))) AS v (chunk_id, embedding)
        ON CONFLICT (chunk_id, embedding_model) DO UPDATE SET embedding = excluded.embedding
        """)
      start += part.count
    }
  }
}

extension Embedding {
  /// The text of a `vector`, which reads back as the same numbers.
  fileprivate var text: String { "[" + values.map(\.description).joined(separator: ",") + "]" }
}
