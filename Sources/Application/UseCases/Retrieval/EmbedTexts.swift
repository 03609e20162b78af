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
    /// The tokens of the texts together, as far as the model has read them.
    package let tokens: Int
    /// What that cost, in millionths of the currency.
    package let cost: Int

    /// Makes an answer of its parts.
    package init(model: String, vectors: [Embedding], tokens: Int, cost: Int = 0) {
      self.model = model
      self.vectors = vectors
      self.tokens = tokens
      self.cost = cost
    }
  }

  let embedder: CurrentEmbedder
  let counter: any TokenCounter
  /// By the names that vectors are kept under.
  let prices: PriceList

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
      let vectors = try await embedder.embed(texts)
      let tokens = texts.reduce(0) { $0 + min(counter.count($1), embedder.model.maximumTokens) }
      let name = embedder.model.name
      let usage = TokenUsage(promptTokens: tokens, completionTokens: 0)
      return Answer(model: name, vectors: vectors, tokens: tokens, cost: prices.cost(of: usage, by: name))
    } catch {
      switch error {
      case .cancelled: throw .cancelled
      case .unavailable, .rejected: throw .unavailable("the embedding model gives no answer")
      }
    }
  }
}
