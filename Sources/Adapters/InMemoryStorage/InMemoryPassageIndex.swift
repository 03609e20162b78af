package import Application
package import Domain

/// Search over the chunks in memory: BM25 and exact cosine, computed from all rows in scope at each call.
package struct InMemoryPassageIndex: PassageIndex {
  private let store: InMemoryStore

  /// Searches the chunks of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func lexical(
    _ query: String, in scope: SearchScope, limit: Int
  ) async throws(StorageFailure) -> [ScoredChunk] {
    let words = SearchWords.ofQuery(query)
    guard !words.isEmpty else { return [] }
    let rows = try store.access { $0.visibleChunks(in: scope) }
    return BM25.rank(rows.map { ($0.chunk.id, $0.words) }, by: words).best(limit)
  }

  package func lexicalScores(
    _ query: String, of ids: [ChunkID], in scope: SearchScope
  ) async throws(StorageFailure) -> [ChunkID: Double] {
    let words = SearchWords.ofQuery(query)
    guard !words.isEmpty, !ids.isEmpty else { return [:] }
    let rows = try store.access { $0.visibleChunks(in: scope) }
    let wanted = Set(ids)
    let scored = BM25.rank(rows.map { ($0.chunk.id, $0.words) }, by: words).filter { wanted.contains($0.id) }
    return Dictionary(scored.map { ($0.id, $0.score) }, uniquingKeysWith: { first, _ in first })
  }

  package func semantic(
    _ vector: Embedding, model: String, in scope: SearchScope, limit: Int
  ) async throws(StorageFailure) -> [ScoredChunk] {
    let scored = try store.access { state throws(StorageFailure) in
      guard state.fits([vector], model: model) else { throw .conflict("dimensions") }
      return state.visibleChunks(in: scope).compactMap { row in
        state.vectors[model]?[row.chunk.id].map {
          ScoredChunk(id: row.chunk.id, score: Double($0.cosine(vector)))
        }
      }
    }
    return scored.best(limit)
  }

  package func vectors(
    of ids: [ChunkID], model: String, in organization: OrganizationID
  ) async throws(StorageFailure) -> [ChunkID: Embedding] {
    try store.access { state in
      let own = Set(ids.filter { state.chunks[$0]?.organizationID == organization })
      return (state.vectors[model] ?? [:]).filter { own.contains($0.key) }
    }
  }

  package func neighbours(
    of ids: [ChunkID], reach: Int, in organization: OrganizationID
  ) async throws(StorageFailure) -> [ChunkID: [Passage]] {
    guard reach > 0 else { return [:] }
    return try store.access { state in
      let rows = Set(ids).compactMap { state.chunks[$0] }.filter { $0.organizationID == organization }
      let revisions = Dictionary(
        grouping: state.chunks.values.filter { row in rows.contains { $0.revisionID == row.revisionID } },
        by: \.revisionID)
      return rows.reduce(into: [:]) { neighbours, row in
        let near = (revisions[row.revisionID] ?? []).filter {
          $0.chunk.id != row.chunk.id && abs($0.chunk.ordinal - row.chunk.ordinal) <= reach
        }
        guard !near.isEmpty else { return }
        neighbours[row.chunk.id] = near.sorted { $0.chunk.ordinal < $1.chunk.ordinal }.compactMap(state.passage)
      }
    }
  }

  package func passages(
    _ ids: [ChunkID], in organization: OrganizationID
  ) async throws(StorageFailure) -> [Passage] {
    try store.access { state in
      ids.compactMap { state.chunks[$0] }.filter { $0.organizationID == organization }
        .compactMap { state.passage($0) }
    }
  }

  package func unembedded(
    by model: String, limit: Int
  ) async throws(StorageFailure) -> UnembeddedPassages? {
    try store.access { state in
      let rows = state.chunks.values.compactMap { row in
        state.revisions[row.revisionID].flatMap { revision in
          state.vectors[model]?[row.chunk.id] == nil ? (row: row, revision: revision.revision) : nil
        }
      }
      let current = rows.filter { $0.revision.supersededAt == nil }
      let sorted = (current.isEmpty ? rows : current).sorted {
        ($0.revision.publishedAt, $0.revision.id, $0.row.chunk.ordinal)
          < ($1.revision.publishedAt, $1.revision.id, $1.row.chunk.ordinal)
      }
      guard limit > 0, let tenant = sorted.first?.row.organizationID else { return nil }
      return UnembeddedPassages(
        organizationID: tenant,
        passages: sorted.filter { $0.row.organizationID == tenant }.prefix(limit).compactMap { state.passage($0.row) })
    }
  }

  package func store(
    _ embeddings: [ChunkID: Embedding], model: String, in organization: OrganizationID
  ) async throws(StorageFailure) {
    try store.access { state throws(StorageFailure) in
      let live = embeddings.filter { state.chunks[$0.key]?.organizationID == organization }
      guard state.fits(live.values, model: model) else { throw .conflict("dimensions") }
      state.insert(live, model: model)
    }
  }
}

extension StoreState {
  /// The chunks that a search in `scope` may find.
  fileprivate func visibleChunks(in scope: SearchScope) -> [ChunkRow] {
    chunks.values.filter { row in
      guard row.organizationID == scope.organizationID, let document = documents[row.documentID],
        let revision = revisions[row.revisionID]
      else { return false }
      return scope.admits(revision, of: document)
    }
  }

  fileprivate func passage(_ row: ChunkRow) -> Passage? {
    revisions[row.revisionID].map { found in
      Passage(
        chunk: row.chunk, documentID: row.documentID, revisionID: row.revisionID, title: found.revision.title,
        submittedBy: displayName(of: found.revision.submittedBy),
        approvedBy: displayName(of: found.revision.approvedBy))
    }
  }
}

extension SearchScope {
  /// Whether a revision was visible at the time of the scope and passes its filters.
  fileprivate func admits(_ row: RevisionRow, of document: DocumentRow) -> Bool {
    let revision = row.revision
    if let asOf {
      guard revision.publishedAt <= asOf, revision.supersededAt.map({ asOf < $0 }) ?? true else { return false }
    } else {
      guard revision.supersededAt == nil else { return false }
    }
    if !filters.documentIDs.isEmpty, !filters.documentIDs.contains(document.id) { return false }
    if !filters.tags.isEmpty, filters.tags.isDisjoint(with: row.metadata.tags) { return false }
    if let contributor = filters.contributorID, revision.submittedBy != contributor { return false }
    if let prefix = filters.sourcePrefix {
      guard let source = document.sourceURI, source.utf8.starts(with: prefix.utf8) else { return false }
    }
    if let after = filters.publishedAfter, revision.publishedAt < after { return false }
    if let before = filters.publishedBefore, revision.publishedAt >= before { return false }
    return true
  }
}

extension [ScoredChunk] {
  /// The best, with ties broken by id.
  fileprivate func best(_ limit: Int) -> [ScoredChunk] {
    Array(bestFirst.prefix(Swift.max(limit, 0)))
  }
}
