package import Domain

/// Turns texts into vectors with the model that passages are embedded with.
package struct EmbedTexts: Sendable {
  /// The most texts of one call.
  package static let maximumTexts = 256

  /// The vectors and whose they are.
  package struct Answer: Hashable, Sendable {
    /// The model's name.
    package let model: String
    /// Unit vectors, one for each text, in their order.
    package let vectors: [Embedding]

    /// Makes an answer of its parts.
    package init(model: String, vectors: [Embedding]) {
      self.model = model
      self.vectors = vectors
    }
  }

  let embedder: CurrentEmbedder

  /// Embeds 1 to ``maximumTexts`` texts; of each the model reads the beginning, as much as it can.
  ///
  /// - Throws: `.invalid` for another number; `.precondition` while there is no model; `.unavailable` when it fails.
  package func callAsFunction(_ texts: [String]) async throws(UseCaseFailure) -> Answer {
    guard (1...Self.maximumTexts).contains(texts.count) else {
      throw .invalid("there must be 1 to \(Self.maximumTexts) texts")
    }
    guard let embedder = embedder() else {
      throw .precondition("no embedding model is loaded; run: opentier models fetch")
    }
    do throws(EmbeddingFailure) {
      return Answer(model: embedder.model.name, vectors: try await embedder.embed(texts))
    } catch {
      switch error {
      case .cancelled: throw .cancelled
      case .unavailable, .rejected: throw .unavailable("the embedding model gives no answer")
      }
    }
  }
}
