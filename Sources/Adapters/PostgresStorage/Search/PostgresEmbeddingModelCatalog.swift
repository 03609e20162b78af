package import Application
import Domain
package import FoundationEssentials

/// Which model's vectors serve, in PostgreSQL.
package struct PostgresEmbeddingModelCatalog: EmbeddingModelCatalog {
  private let database: PostgresDatabase

  init(_ database: PostgresDatabase) { self.database = database }

  package func serving() async throws(StorageFailure) -> String? {
    let rows = try await database.query(
      in: nil, readOnly: true, "SELECT name FROM serving_embedding_model()")
    do { return try rows.first?.value("name") } catch { throw StorageFailure(error) }
  }

  package func serve(
    _ model: String, insteadOf former: String?, at time: Date
  ) async throws(StorageFailure) -> String {
    let names = try await database.change(
      in: nil, "SELECT serve_embedding_model(\(model), \(former), \(time)) AS name"
    ) { row in try row.value("name", as: String.self) }
    guard let name = names.first else { throw .notFound }
    return name
  }

  package func takeTurn(
    _ holder: String, at time: Date, until expiry: Date
  ) async throws(StorageFailure) -> Bool {
    try await database.change(
      in: nil, "SELECT take_embedding_turn(\(holder), \(time), \(expiry)) AS is_taken"
    ) { row in try row.value("is_taken", as: Bool.self) }.first ?? false
  }

  package func inventory() async throws(StorageFailure) -> EmbeddingInventory {
    let rows = try await database.query(
      in: nil, readOnly: true, "SELECT name, dimensions, vectors FROM embedding_inventory()")
    let passages = try await database.query(in: nil, readOnly: true, "SELECT count_passages() AS passages")
    do {
      return EmbeddingInventory(
        passages: try passages.first?.value("passages") ?? 0,
        models: try rows.map { row in
          EmbeddingInventory.Model(
            name: try row.value("name"), dimensions: try row.value("dimensions"), vectors: try row.value("vectors"))
        })
    } catch {
      throw StorageFailure(error)
    }
  }

  package func removeVectors(of model: String, limit: Int) async throws(StorageFailure) -> Int {
    guard limit > 0 else { return 0 }
    return try await database.change(
      in: nil, "SELECT remove_embeddings(\(model), \(Int32(clamping: limit))) AS count"
    ) { row in try row.value("count", as: Int.self) }.first ?? 0
  }
}
