package import Domain
package import FoundationEssentials

/// Finds passages by words, by meaning, or by both.
package struct SearchKnowledge: Sendable {
  /// What is looked for.
  package struct Query: Hashable, Sendable {
    /// The most characters of a query.
    package static let maximumLength = 8_000
    /// The most hits of one answer.
    package static let maximumHits = 100
    /// The hits when the caller names no number.
    package static let defaultHits = 10

    /// The words.
    package let text: String
    /// How to look.
    package let mode: SearchMode
    /// How many hits at most.
    package let limit: Int
    /// What narrows it.
    package let filters: SearchFilters
    /// The time whose revisions are searched; `nil` for now.
    package let asOf: Date?
    /// The questions that were asked before it in the same conversation, oldest first; hybrid search looks for what it
    /// refers to as well. See ``FollowUpQuestion``.
    package let history: [String]
    /// What the asker has said about themselves, the newest first; hybrid search looks for a question that speaks of the
    /// asker with it as well. See ``AskerContext``.
    package let memories: [String]

    /// Makes a query.
    package init(
      text: String, mode: SearchMode = .hybrid, limit: Int = defaultHits, filters: SearchFilters = SearchFilters(),
      asOf: Date? = nil, history: [String] = [], memories: [String] = []
    ) {
      self.text = text
      self.history = history
      self.memories = memories
      self.mode = mode
      self.limit = limit
      self.filters = filters
      self.asOf = asOf
    }
  }

  /// Sizes and steps that configuration may change.
  package struct Settings: Hashable, Sendable {
    /// The deepest that a ranking is read.
    package static let maximumDepth = 1_000

    /// How deep each ranking is read before fusion, at least; twice the hits that are asked for where that is more.
    package var fusionDepth = 100
    /// How many of the best passages a reranker judges, where there is one, at least those that are asked for.
    package var rerankDepth = 50
    /// Which steps a hybrid search takes.
    package var steps = RetrievalSteps()

    /// The standard settings.
    package init() {}
  }

  let index: any PassageIndex
  let embedder: CurrentEmbedder
  let reranker: (any Reranker)?
  let settings: Settings

  /// Wires the use case.
  package init(
    index: any PassageIndex, embedder: CurrentEmbedder, reranker: (any Reranker)? = nil, settings: Settings = Settings()
  ) {
    self.index = index
    self.embedder = embedder
    self.reranker = reranker
    self.settings = settings
  }

  /// The best passages of the caller's tenant, best first.
  ///
  /// Hybrid search falls back to words alone while there is no embedder, or when it fails, and does without a reranker
  /// that fails; semantic search says so.
  package func callAsFunction(_ query: Query, _ caller: Principal) async throws(UseCaseFailure) -> [SearchHit] {
    guard (1...Query.maximumHits).contains(query.limit) else {
      throw .invalid("limit must be 1 to \(Query.maximumHits)")
    }
    return try await hits(query, depth: query.limit, caller)
  }

  /// The best passages, as many as `depth` says: an evaluation looks deeper than a caller may.
  func hits(_ query: Query, depth: Int, _ caller: Principal) async throws(UseCaseFailure) -> [SearchHit] {
    let isReranked = reranker != nil && query.mode == .hybrid
    let ranking = try await ranking(query, depth: isReranked ? max(settings.rerankDepth, depth) : depth, caller)
    let scores = Dictionary(ranking.map { ($0.id, $0.score) }, uniquingKeysWith: { first, _ in first })
    let passages = try await storing("passage") { () async throws(StorageFailure) in
      try await index.passages(ranking.map(\.id), in: caller.organizationID)
    }
    var hits = passages.map { SearchHit(passage: $0, score: scores[$0.chunk.id] ?? 0) }
    if isReranked, let reranker, let judged = try await judged(hits, by: reranker, query.text) { hits = judged }
    return Array(hits.prefix(depth))
  }

  /// The hits with the passages that stand next to the best of them, which come behind those: what a passage that was
  /// found leaves open may be said in the next.
  ///
  /// - Parameters:
  ///   - count: how many of the hits get their neighbours.
  ///   - reach: how far those stand off; 0 adds none.
  func withNeighbours(
    _ hits: [SearchHit], of count: Int, reach: Int, _ caller: Principal
  ) async throws(UseCaseFailure) -> [SearchHit] {
    guard reach > 0 else { return hits }
    let best = hits.prefix(count)
    let neighbours = try await storing("passage") { () async throws(StorageFailure) in
      try await index.neighbours(of: best.map(\.passage.chunk.id), reach: reach, in: caller.organizationID)
    }
    var known = Set(hits.map(\.passage.chunk.id))
    let added = best.flatMap { hit in
      (neighbours[hit.passage.chunk.id] ?? []).filter { known.insert($0.chunk.id).inserted }
        .map { SearchHit(passage: $0, score: hit.score) }
    }
    return best + added + hits.dropFirst(count)
  }

  private func ranking(_ query: Query, depth: Int, _ caller: Principal) async throws(UseCaseFailure) -> [ScoredChunk] {
    let text = query.text.trimmingWhitespace()
    guard !text.isEmpty else { throw .invalid("query must not be empty") }
    guard text.count <= Query.maximumLength else {
      throw .invalid("query must have at most \(Query.maximumLength) characters")
    }
    try refuseNull(in: text, of: "query")
    try query.filters.refuseNull()
    let scope = SearchScope(
      organizationID: caller.organizationID, asOf: query.asOf, filters: query.filters)
    let rank = RankChunks(index: index, embedder: embedder, settings: settings)
    // Beside the question and not in its place: what was asked before has answers of its own, which must not come first.
    let standalone = FollowUpQuestion.standalone(text, after: query.history, maximumLength: Query.maximumLength)
    let expansions = (standalone == text ? [] : [standalone]) + AskerContext.expansions(of: text, by: query.memories)
    return try await rank(text, expandedBy: expansions, query.mode, in: scope, limit: depth)
  }

  /// The hits as the reranker orders them; `nil` when it fails.
  private func judged(
    _ hits: [SearchHit], by reranker: any Reranker, _ question: String
  ) async throws(UseCaseFailure) -> [SearchHit]? {
    guard !hits.isEmpty else { return hits }
    do throws(RerankingFailure) {
      let texts = hits.map { EmbeddingInput.text(of: $0.passage.chunk, title: $0.passage.title) }
      let scores = try await reranker.scores(of: texts, for: question)
      guard scores.count == hits.count else { return nil }
      // By the score, then by the place before: sorting alone would leave the order of equals to chance.
      return zip(hits, scores).enumerated().sorted { left, right in
        left.element.1 != right.element.1 ? left.element.1 > right.element.1 : left.offset < right.offset
      }.map { SearchHit(passage: $0.element.0.passage, score: $0.element.1) }
    } catch {
      if error == .cancelled { throw .cancelled }
      return nil
    }
  }
}

extension SearchFilters {
  /// Refuses U+0000: nothing that is stored has it.
  func refuseNull() throws(UseCaseFailure) {
    for tag in tags { try Application.refuseNull(in: tag, of: "filters.tags") }
    try Application.refuseNull(in: sourcePrefix ?? "", of: "filters.sourceUriPrefix")
  }
}
