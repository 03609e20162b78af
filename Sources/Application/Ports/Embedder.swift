package import Domain

/// Why texts were not embedded.
package enum EmbeddingFailure: Error, Hashable, Sendable {
  /// The model cannot be reached or is not loaded; worth a later try.
  case unavailable(String)
  /// The model refuses this input for good.
  case rejected(String)
  /// The calling task was cancelled.
  case cancelled
}

/// What a text is embedded as: some models want to be told.
package enum EmbeddingPurpose: Hashable, Sendable {
  /// What is looked for.
  case question
  /// What is found.
  case passage
}

/// Turns texts into vectors.
package protocol Embedder: Sendable {
  /// The model's name, width and input limit; chunks remember the name.
  var model: EmbeddingModel { get }

  /// Unit-length vectors, one per text and in its order. Texts longer than the model's limit are cut.
  func embed(_ texts: [String]) async throws(EmbeddingFailure) -> [Embedding]

  /// The same, of texts that have a part in a search.
  func embed(_ texts: [String], as purpose: EmbeddingPurpose) async throws(EmbeddingFailure) -> [Embedding]
}

extension Embedder {
  /// Most models embed a text in the same way whatever it is for.
  package func embed(
    _ texts: [String], as purpose: EmbeddingPurpose
  ) async throws(EmbeddingFailure) -> [Embedding] { try await embed(texts) }
}
