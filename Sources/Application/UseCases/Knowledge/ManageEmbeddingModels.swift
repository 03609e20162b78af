import Domain

/// Tells which models have vectors, and removes those that are of no use any more.
package struct ManageEmbeddingModels: Sendable {
  /// How many vectors are removed in one transaction.
  static let removedAtOnce = 10_000

  /// The vectors of all tenants, and what the models are for.
  package struct Status: Hashable, Sendable {
    /// The model whose vectors serve.
    package let serving: String
    /// The model that the configuration asks for; another than the serving one while its vectors are being made.
    package let wanted: String
    /// The passages, and the vectors of each model.
    package let inventory: EmbeddingInventory
  }

  let catalog: any EmbeddingModelCatalog
  let embedders: Embedders

  /// What there is. For whoever runs the process: it looks across tenants.
  package func status() async throws(UseCaseFailure) -> Status {
    try await storing("embedding model") { () async throws(StorageFailure) in
      Status(
        serving: try await catalog.serving() ?? embedders.serving, wanted: embedders.wanted,
        inventory: try await catalog.inventory())
    }
  }

  /// Removes the vectors of models that neither serve nor are wanted. For whoever runs the process.
  ///
  /// - Returns: how many were removed, by model; without them, going back to such a model means embedding anew.
  package func prune() async throws(UseCaseFailure) -> [String: Int] {
    let status = try await status()
    var removed: [String: Int] = [:]
    for model in status.inventory.models where ![status.serving, status.wanted].contains(model.name) {
      while true {
        if Task.isCancelled { throw .cancelled }
        let count = try await storing("embedding model") { () async throws(StorageFailure) in
          try await catalog.removeVectors(of: model.name, limit: Self.removedAtOnce)
        }
        guard count > 0 else { break }
        removed[model.name, default: 0] += count
      }
    }
    return removed
  }
}
