package import Domain
package import FoundationEssentials

/// The embedder of the moment: there is none until its weights are loaded, or while they are missing.
package struct CurrentEmbedder: Sendable {
  private let read: @Sendable () -> (any Embedder)?

  /// Wraps where the embedder is kept.
  package init(_ read: @escaping @Sendable () -> (any Embedder)?) { self.read = read }

  /// The embedder, if there is one now.
  package func callAsFunction() -> (any Embedder)? { read() }
}

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

    /// Makes a query.
    package init(
      text: String, mode: SearchMode = .hybrid, limit: Int = defaultHits, filters: SearchFilters = SearchFilters(),
      asOf: Date? = nil
    ) {
      self.text = text
      self.mode = mode
      self.limit = limit
      self.filters = filters
      self.asOf = asOf
    }
  }

  /// Sizes that configuration may change.
  package struct Settings: Hashable, Sendable {
    /// How deep each ranking is read before fusion.
    package var fusionDepth = 100
    /// The constant of reciprocal rank fusion.
    package var fusionConstant = ReciprocalRankFusion.standardConstant

    /// The standard sizes.
    package init() {}
  }

  let index: any PassageIndex
  let embedder: CurrentEmbedder
  let settings: Settings

  /// The best passages of the caller's tenant, best first.
  ///
  /// Hybrid search falls back to words alone while there is no embedder, or when it fails; semantic search says so.
  package func callAsFunction(_ query: Query, _ caller: Principal) async throws(UseCaseFailure) -> [SearchHit] {
    let text = query.text.trimmingWhitespace()
    guard !text.isEmpty else { throw .invalid("query must not be empty") }
    guard text.count <= Query.maximumLength else {
      throw .invalid("query must have at most \(Query.maximumLength) characters")
    }
    try refuseNull(in: text, of: "query")
    try query.filters.refuseNull()
    guard (1...Query.maximumHits).contains(query.limit) else {
      throw .invalid("limit must be 1 to \(Query.maximumHits)")
    }
    let scope = SearchScope(
      organizationID: caller.organizationID, asOf: query.asOf, filters: query.filters)
    let ranking: [ScoredChunk]
    switch query.mode {
    case .lexical: ranking = try await lexical(text, scope, limit: query.limit)
    case .semantic: ranking = try await semantic(text, scope, limit: query.limit, required: true)
    case .hybrid:
      let depth = max(settings.fusionDepth, query.limit)
      async let byWords = lexical(text, scope, limit: depth)
      async let byMeaning = semantic(text, scope, limit: depth, required: false)
      do {
        ranking = ReciprocalRankFusion.fuse(
          [try await byWords, try await byMeaning], constant: settings.fusionConstant)
      } catch let failure as UseCaseFailure {
        throw failure
      } catch {
        throw .broken("\(type(of: error))")
      }
    }
    let best = Array(ranking.prefix(query.limit))
    let scores = Dictionary(best.map { ($0.id, $0.score) }, uniquingKeysWith: { first, _ in first })
    let passages = try await storing("passage") { () async throws(StorageFailure) in
      try await index.passages(best.map(\.id), in: caller.organizationID)
    }
    return passages.map { SearchHit(passage: $0, score: scores[$0.chunk.id] ?? 0) }
  }

  private func lexical(
    _ text: String, _ scope: SearchScope, limit: Int
  ) async throws(UseCaseFailure) -> [ScoredChunk] {
    try await storing("passage") { () async throws(StorageFailure) in
      try await index.lexical(text, in: scope, limit: limit)
    }
  }

  private func semantic(
    _ text: String, _ scope: SearchScope, limit: Int, required: Bool
  ) async throws(UseCaseFailure) -> [ScoredChunk] {
    guard let embedder = embedder() else {
      if required { throw .precondition("no embedding model is loaded; run: opentier models fetch") }
      return []
    }
    let vector: Embedding
    do throws(EmbeddingFailure) {
      guard let first = try await embedder.embed([text]).first else { throw .rejected("no vector") }
      vector = first
    } catch {
      if error == .cancelled { throw .cancelled }
      if required { throw .unavailable("the embedding model gives no answer") }
      return []
    }
    return try await storing("passage") { () async throws(StorageFailure) in
      try await index.semantic(vector, model: embedder.model.name, in: scope, limit: limit)
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
