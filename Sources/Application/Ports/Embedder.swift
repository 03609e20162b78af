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

/// Turns texts into vectors.
package protocol Embedder: Sendable {
  /// The model's name, width and input limit; chunks remember the name.
  var model: EmbeddingModel { get }

  /// Unit-length vectors, one per text and in its order. Texts longer than the model's limit are cut.
  func embed(_ texts: [String]) async throws(EmbeddingFailure) -> [Embedding]
}
