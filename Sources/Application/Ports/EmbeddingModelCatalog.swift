package import FoundationEssentials

/// What storage holds of the models that passages are embedded with.
package struct EmbeddingInventory: Hashable, Sendable {
  /// One model's vectors.
  package struct Model: Hashable, Sendable {
    /// The name that its vectors are kept under.
    package let name: String
    /// The width of its vectors.
    package let dimensions: Int
    /// How many passages have one of its vectors.
    package let vectors: Int

    /// Makes a model's line.
    package init(name: String, dimensions: Int, vectors: Int) {
      self.name = name
      self.dimensions = dimensions
      self.vectors = vectors
    }
  }

  /// All passages, those of former revisions included.
  package let passages: Int
  /// The models that have vectors, by name.
  package let models: [Model]

  /// Makes an inventory of its parts.
  package init(passages: Int, models: [Model]) {
    self.passages = passages
    self.models = models
  }
}

/// Which model's vectors serve, over all tenants, and what vectors there are.
package protocol EmbeddingModelCatalog: Sendable {
  /// The model whose vectors searches compare with; `nil` before one was named.
  func serving() async throws(StorageFailure) -> String?

  /// Names the model that serves from now on, unless another process has named one meanwhile.
  ///
  /// - Parameter former: what ``serving()`` said.
  /// - Returns: the model that serves now.
  func serve(_ model: String, insteadOf former: String?, at time: Date) async throws(StorageFailure) -> String

  /// Takes or keeps the turn to make missing vectors, so that replicas do not make the same ones.
  ///
  /// - Parameters:
  ///   - holder: who asks, a name that no other process has.
  ///   - expiry: when the turn ends unless it is taken again.
  /// - Returns: whether the turn is the holder's; never before a model serves.
  func takeTurn(_ holder: String, at time: Date, until expiry: Date) async throws(StorageFailure) -> Bool

  /// Counts the passages and each model's vectors, which reads an index entry per vector.
  func inventory() async throws(StorageFailure) -> EmbeddingInventory

  /// Removes vectors of a model that does not serve.
  ///
  /// - Parameter limit: how many at most.
  /// - Returns: how many there were to remove; 0 also when the model serves.
  func removeVectors(of model: String, limit: Int) async throws(StorageFailure) -> Int
}
