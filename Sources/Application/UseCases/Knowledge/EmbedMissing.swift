import Domain

/// Makes the vectors that chunks lack: they were ingested while there was no embedder, or under another model.
package struct EmbedMissing: Sendable {
  let index: any PassageIndex
  let embedder: CurrentEmbedder

  /// Embeds one batch.
  ///
  /// - Returns: how many chunks were embedded; 0 when none lack a vector, or there is no embedder.
  /// - Throws: `.unavailable` when the embedder or storage does not answer.
  package func callAsFunction(batchSize: Int = 32) async throws(UseCaseFailure) -> Int {
    guard let embedder = embedder() else { return 0 }
    let model = embedder.model.name
    let missing = try await storing("passage") { () async throws(StorageFailure) in
      try await index.unembedded(by: model, limit: batchSize)
    }
    guard let missing else { return 0 }
    let passages = missing.passages
    let embeddings: [Embedding]
    do throws(EmbeddingFailure) {
      embeddings = try await embedder.embed(passages.map { EmbeddingInput.text(of: $0.chunk, title: $0.title) })
    } catch {
      switch error {
      case .cancelled: throw .cancelled
      case .unavailable(let why), .rejected(let why): throw .unavailable(why)
      }
    }
    let byChunk = Dictionary(
      zip(passages.map(\.chunk.id), embeddings), uniquingKeysWith: { first, _ in first })
    try await storing("passage") { () async throws(StorageFailure) in
      try await index.store(byChunk, model: model, in: missing.organizationID)
    }
    return passages.count
  }
}
