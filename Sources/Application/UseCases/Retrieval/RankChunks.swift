import Domain

/// Ranks the chunks in a scope for a question, by words, by meaning, or by both.
struct RankChunks: Sendable {
  let index: any PassageIndex
  let embedder: CurrentEmbedder
  let settings: SearchKnowledge.Settings

  /// The best chunks, best first.
  ///
  /// - Parameters:
  ///   - expansions: the question in other words, which hybrid search looks for as parts of it.
  ///   - limit: how many at most.
  func callAsFunction(
    _ text: String, expandedBy expansions: [String], _ mode: SearchMode, in scope: SearchScope, limit: Int
  ) async throws(UseCaseFailure) -> [ScoredChunk] {
    switch mode {
    case .lexical: return try await lexical(text, scope, limit: limit)
    case .semantic:
      let (question, model) = try await required([text])
      return try await semantic(question[0], model, scope, limit: limit)
    case .hybrid: return try await hybrid(text, expansions, scope, limit: limit)
    }
  }

  /// By both; by words alone while there is no embedder, or when it fails.
  private func hybrid(
    _ text: String, _ expansions: [String], _ scope: SearchScope, limit: Int
  ) async throws(UseCaseFailure) -> [ScoredChunk] {
    let depth = max(settings.fusionDepth, min(2 * limit, SearchKnowledge.Settings.maximumDepth))
    let texts = [text] + QuestionParts.of(text, maximum: settings.steps.maximumParts) + expansions
    guard let (questions, model) = try await embedded(texts) else {
      return try await lexical(text, scope, limit: limit)
    }
    var passes = try await concurrently(Array(zip(texts, questions))) { text, question throws(UseCaseFailure) in
      try await pass(text, question, model, scope, depth: depth)
    }
    let candidates = Array(HybridRanking.candidates(of: passes))
    var vectors: [ChunkID: Embedding] = [:]
    if case .convex = settings.steps.fusion {
      let found = Array(zip(texts, passes))
      (vectors, passes) = try await together(
        { () async throws(UseCaseFailure) in try await storedVectors(candidates, model, scope) },
        { () async throws(UseCaseFailure) in try await completed(found, candidates, scope, depth: depth) })
    } else if settings.steps.diversity < 1 {
      vectors = try await storedVectors(candidates, model, scope)
    }
    let ranked = HybridRanking(passes: passes, vectors: vectors, steps: settings.steps).ranked()
    let diverse = MaximalMarginalRelevance.order(
      ranked, vectors: vectors, relevance: settings.steps.diversity, count: settings.fusionDepth)
    return Array(diverse.prefix(limit))
  }

  /// Both searches of one pass, at the same time.
  private func pass(
    _ text: String, _ question: Embedding, _ model: String, _ scope: SearchScope, depth: Int
  ) async throws(UseCaseFailure) -> HybridRanking.Pass {
    let (byWords, byMeaning) = try await together(
      { () async throws(UseCaseFailure) in try await lexical(text, scope, limit: depth) },
      { () async throws(UseCaseFailure) in try await semantic(question, model, scope, limit: depth) })
    return HybridRanking.Pass(question: question, byWords: byWords, byMeaning: byMeaning)
  }

  /// The passes with the scores of the candidates that their words may have missed.
  private func completed(
    _ passes: [(String, HybridRanking.Pass)], _ candidates: [ChunkID], _ scope: SearchScope, depth: Int
  ) async throws(UseCaseFailure) -> [HybridRanking.Pass] {
    try await concurrently(passes) { text, pass throws(UseCaseFailure) in
      try await completed(pass, text, candidates, scope, depth: depth)
    }
  }

  private func completed(
    _ pass: HybridRanking.Pass, _ text: String, _ candidates: [ChunkID], _ scope: SearchScope, depth: Int
  ) async throws(UseCaseFailure) -> HybridRanking.Pass {
    // A search that found fewer than it might have has found all that has any of the words.
    guard pass.byWords.count >= depth else { return pass }
    let known = Set(pass.byWords.map(\.id))
    let others = candidates.filter { !known.contains($0) }
    var completed = pass
    completed.otherLexical = try await storing("passage") { () async throws(StorageFailure) in
      try await index.lexicalScores(text, of: others, in: scope)
    }
    return completed
  }

  private func storedVectors(
    _ ids: [ChunkID], _ model: String, _ scope: SearchScope
  ) async throws(UseCaseFailure) -> [ChunkID: Embedding] {
    try await storing("passage") { () async throws(StorageFailure) in
      try await index.vectors(of: ids, model: model, in: scope.organizationID)
    }
  }

  private func lexical(
    _ text: String, _ scope: SearchScope, limit: Int
  ) async throws(UseCaseFailure) -> [ScoredChunk] {
    try await storing("passage") { () async throws(StorageFailure) in
      try await index.lexical(text, in: scope, limit: limit)
    }
  }

  private func semantic(
    _ question: Embedding, _ model: String, _ scope: SearchScope, limit: Int
  ) async throws(UseCaseFailure) -> [ScoredChunk] {
    try await storing("passage") { () async throws(StorageFailure) in
      try await index.semantic(question, model: model, in: scope, limit: limit)
    }
  }

  /// The vectors of texts and whose they are.
  ///
  /// - Throws: `.precondition` while there is no embedder; `.unavailable` when it fails.
  private func required(_ texts: [String]) async throws(UseCaseFailure) -> ([Embedding], model: String) {
    guard embedder() != nil else {
      throw .precondition("no embedding model is loaded; run: opentier models fetch")
    }
    guard let found = try await embedded(texts) else { throw .unavailable("the embedding model gives no answer") }
    return found
  }

  /// The same, or `nil` where there is none or it fails.
  private func embedded(_ texts: [String]) async throws(UseCaseFailure) -> ([Embedding], model: String)? {
    guard let embedder = embedder() else { return nil }
    do throws(EmbeddingFailure) {
      let vectors = try await embedder.embed(texts, as: .question)
      return vectors.count == texts.count ? (vectors, embedder.model.name) : nil
    } catch {
      if error == .cancelled { throw .cancelled }
      return nil
    }
  }
}

/// The results of two operations at the same time; the first failure cancels the other.
private func together<First: Sendable, Second: Sendable>(
  _ first: @escaping @Sendable () async throws(UseCaseFailure) -> First,
  _ second: @escaping @Sendable () async throws(UseCaseFailure) -> Second
) async throws(UseCaseFailure) -> (First, Second) {
  async let one = first()
  async let other = second()
  do { return try await (one, other) } catch let failure as UseCaseFailure { throw failure } catch {
    throw .broken("\(type(of: error))")
  }
}

/// What `body` makes of several items at the same time, in their order; the first failure cancels the others.
private func concurrently<Item: Sendable, Value: Sendable>(
  _ items: [Item], _ body: @escaping @Sendable (Item) async throws(UseCaseFailure) -> Value
) async throws(UseCaseFailure) -> [Value] {
  let results = await withTaskGroup(of: (Int, Result<Value, UseCaseFailure>).self) { group in
    for (index, item) in items.enumerated() {
      group.addTask {
        do throws(UseCaseFailure) { return (index, .success(try await body(item))) } catch {
          return (index, .failure(error))
        }
      }
    }
    var results: [(Int, Result<Value, UseCaseFailure>)] = []
    for await result in group {
      results.append(result)
      if case .failure = result.1 { group.cancelAll() }
    }
    return results
  }
  // The failure that came first, not the cancellations that it caused.
  for case (_, .failure(let failure)) in results { throw failure }
  var values: [Value] = []
  for (_, result) in results.sorted(by: { $0.0 < $1.0 }) { values.append(try result.get()) }
  return values
}
