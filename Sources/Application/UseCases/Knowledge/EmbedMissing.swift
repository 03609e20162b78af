import Domain
import FoundationEssentials

/// Makes the vectors that passages lack, and brings another model into service once it has them all.
///
/// Passages lack vectors of the serving model when they were ingested while there was no embedder, and all of the wanted
/// model when the configuration has changed. One process at a time does this, whichever takes the turn.
package struct EmbedMissing: Sendable {
  /// What one call has done.
  package enum Outcome: Hashable, Sendable {
    /// So many passages got their vectors of a model.
    case embedded(Int, model: String)
    /// No passage lacks a vector of the wanted model: it serves from now on.
    case serves(String, insteadOf: String)
    /// No passage lacks a vector, or nothing can make those that are missing.
    case complete
    /// Another process has the turn.
    case othersTurn
  }

  /// How many passages are looked for at once: each look passes by all that have their vectors.
  static let passagesPerLook = 256
  /// How long the turn lasts unless it is taken again, in seconds.
  static let turn: TimeInterval = 30

  let index: any PassageIndex
  let catalog: any EmbeddingModelCatalog
  let embedders: Embedders
  let clock: WallClock

  /// Makes some of the missing vectors: first those of the serving model, then those of the wanted one.
  ///
  /// - Parameters:
  ///   - worker: who asks, a name that no other process has.
  ///   - batchSize: texts that the embedder is given at once.
  /// - Throws: `.unavailable` when an embedder or storage does not answer.
  package func callAsFunction(worker: String, batchSize: Int = 32) async throws(UseCaseFailure) -> Outcome {
    // Another process may have changed it.
    try await storing("embedding model") { () async throws(StorageFailure) in
      try await embedders.refresh(from: catalog, at: clock.now())
    }
    let serving = embedders.serving
    // Most looks find nothing to do; then nothing is written.
    guard try await hasWork(serving) else { return .complete }
    guard try await hasTurn(worker) else { return .othersTurn }
    let outcome: Outcome
    do throws(UseCaseFailure) { outcome = try await work(worker, serving, batchSize) } catch {
      // Another may be luckier. The failure is what counts: a turn that is not given up runs out by itself.
      _ = try? await hasTurn(worker, for: 0)
      throw error
    }
    if case .embedded = outcome { return outcome }
    _ = try await hasTurn(worker, for: 0)
    return outcome
  }

  private func hasWork(_ serving: String) async throws(UseCaseFailure) -> Bool {
    if serving != embedders.wanted, embedders[embedders.wanted] != nil { return true }
    guard let embedder = embedders[serving] else { return false }
    return try await storing("passage") { () async throws(StorageFailure) in
      try await index.unembedded(by: embedder.model.name, limit: 1)
    } != nil
  }

  private func work(
    _ worker: String, _ serving: String, _ batchSize: Int
  ) async throws(UseCaseFailure) -> Outcome {
    for model in [serving] + (serving == embedders.wanted ? [] : [embedders.wanted]) {
      guard let embedder = embedders[model] else {
        if model == embedders.wanted { return .complete }
        continue
      }
      let count = try await fill(embedder, worker: worker, batchSize: batchSize)
      if count > 0 { return .embedded(count, model: model) }
    }
    guard serving != embedders.wanted else { return .complete }
    let now = try await storing("embedding model") { () async throws(StorageFailure) in
      try await catalog.serve(embedders.wanted, insteadOf: serving, at: clock.now())
    }
    embedders.serve(now)
    return .serves(now, insteadOf: serving)
  }

  /// Takes or keeps the turn for so many seconds; 0 gives it up.
  private func hasTurn(
    _ worker: String, for seconds: TimeInterval = Self.turn
  ) async throws(UseCaseFailure) -> Bool {
    let now = clock.now()
    return try await storing("embedding model") { () async throws(StorageFailure) in
      try await catalog.takeTurn(worker, at: now, until: now.addingTimeInterval(seconds))
    }
  }

  private func fill(
    _ embedder: any Embedder, worker: String, batchSize: Int
  ) async throws(UseCaseFailure) -> Int {
    let missing = try await storing("passage") { () async throws(StorageFailure) in
      try await index.unembedded(by: embedder.model.name, limit: Self.passagesPerLook)
    }
    guard let missing else { return 0 }
    var rest = missing.passages[...]
    while !rest.isEmpty {
      let passages = rest.prefix(max(1, batchSize))
      rest = rest.dropFirst(passages.count)
      try await fill(Array(passages), of: missing.organizationID, by: embedder)
      // A slow embedder must not lose the turn half-way; one that has lost it leaves the rest to the other.
      if !rest.isEmpty, try await !hasTurn(worker) { break }
    }
    return missing.passages.count - rest.count
  }

  private func fill(
    _ passages: [Passage], of organization: OrganizationID, by embedder: any Embedder
  ) async throws(UseCaseFailure) {
    let embeddings: [Embedding]
    do throws(EmbeddingFailure) {
      embeddings = try await embedder.embed(
        passages.map { EmbeddingInput.text(of: $0.chunk, title: $0.title) }, as: .passage)
    } catch {
      switch error {
      case .cancelled: throw .cancelled
      case .unavailable(let why), .rejected(let why): throw .unavailable(why)
      }
    }
    guard embeddings.count == passages.count else {
      throw .unavailable("the embedding model answered \(passages.count) texts with \(embeddings.count) vectors")
    }
    let byChunk = Dictionary(
      zip(passages.map(\.chunk.id), embeddings), uniquingKeysWith: { first, _ in first })
    try await storing("passage") { () async throws(StorageFailure) in
      try await index.store(byChunk, model: embedder.model.name, in: organization)
    }
  }
}
