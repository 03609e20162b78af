package import Application
import Domain
package import FoundationEssentials

/// Which model's vectors serve, in memory.
package struct InMemoryEmbeddingModelCatalog: EmbeddingModelCatalog {
  private let store: InMemoryStore

  init(_ store: InMemoryStore) { self.store = store }

  package func serving() async throws(StorageFailure) -> String? { try store.access { $0.servingModel?.name } }

  package func serve(
    _ model: String, insteadOf former: String?, at time: Date
  ) async throws(StorageFailure) -> String {
    try store.access { state in
      guard let serving = state.servingModel else {
        state.servingModel = ServingModel(name: model)
        return model
      }
      if serving.name == former { state.servingModel?.name = model }
      return state.servingModel?.name ?? model
    }
  }

  package func takeTurn(
    _ holder: String, at time: Date, until expiry: Date
  ) async throws(StorageFailure) -> Bool {
    try store.access { state in
      guard let serving = state.servingModel else { return false }
      if let turn = serving.turn, turn.holder != holder, turn.expiry > time { return false }
      state.servingModel?.turn = (holder, expiry)
      return true
    }
  }

  package func inventory() async throws(StorageFailure) -> EmbeddingInventory {
    try store.access { state in
      EmbeddingInventory(
        passages: state.chunks.count,
        models: state.vectors.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }.map { name, vectors in
          EmbeddingInventory.Model(
            name: name, dimensions: vectors.first?.value.values.count ?? 0, vectors: vectors.count)
        })
    }
  }

  package func removeVectors(of model: String, limit: Int) async throws(StorageFailure) -> Int {
    try store.access { state in
      guard state.servingModel?.name != model, let vectors = state.vectors[model] else { return 0 }
      let removed = vectors.keys.prefix(max(0, limit))
      for id in removed { state.vectors[model]?[id] = nil }
      return removed.count
    }
  }
}

/// The serving model, and who makes vectors.
struct ServingModel {
  var name: String
  var turn: (holder: String, expiry: Date)?
}
