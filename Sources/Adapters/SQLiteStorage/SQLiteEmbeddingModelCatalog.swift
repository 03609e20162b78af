package import Application
import Domain
package import FoundationEssentials
import GRDB

/// Which model's vectors serve, in SQLite.
package struct SQLiteEmbeddingModelCatalog: EmbeddingModelCatalog {
  private let database: SQLiteDatabase
  private let vectors: VectorIndex

  init(_ database: SQLiteDatabase, vectors: VectorIndex) {
    self.database = database
    self.vectors = vectors
  }

  package func serving() async throws(StorageFailure) -> String? {
    try await database.read { db in try db.servingModel() }
  }

  package func serve(
    _ model: String, insteadOf former: String?, at time: Date
  ) async throws(StorageFailure) -> String {
    try await database.write { db in
      try db.execute(
        cached: """
          INSERT INTO serving_embedding_model (only_row, name, since) VALUES (1, :model, :since)
          ON CONFLICT (only_row) DO UPDATE SET name = excluded.name, since = excluded.since WHERE name = :former
          """,
        arguments: ["model": model.sql, "since": time.sql, "former": former?.sql ?? .null])
      guard let serving = try db.servingModel() else { throw StorageFailure.notFound }
      return serving
    }
  }

  package func takeTurn(
    _ holder: String, at time: Date, until expiry: Date
  ) async throws(StorageFailure) -> Bool {
    try await database.write { db in
      try db.execute(
        cached: """
          UPDATE serving_embedding_model SET turn_holder = :holder, turn_expires_at = :expiry
          WHERE turn_holder IS NULL OR turn_holder = :holder OR turn_expires_at <= :time
          """,
        arguments: ["holder": holder.sql, "expiry": expiry.sql, "time": time.sql])
      return db.changesCount == 1
    }
  }

  package func inventory() async throws(StorageFailure) -> EmbeddingInventory {
    try await database.read { db in
      let models = try Row.fetchAll(
        db,
        cached: """
          SELECT m.name, m.dimensions, count(*) AS vectors
          FROM embedding_models AS m JOIN chunk_vectors AS v ON v.model_row_id = m.row_id
          GROUP BY m.row_id ORDER BY m.name
          """)
      return EmbeddingInventory(
        passages: try Int.fetchOne(db, cached: "SELECT count(*) FROM document_chunks") ?? 0,
        models: try models.map { row in
          EmbeddingInventory.Model(
            name: try row.value("name"), dimensions: try row.value("dimensions"), vectors: try row.value("vectors"))
        })
    }
  }

  package func removeVectors(of model: String, limit: Int) async throws(StorageFailure) -> Int {
    guard limit > 0 else { return 0 }
    let count = try await database.write { db in
      guard try db.servingModel() != model else { return 0 }
      try db.execute(
        cached: """
          DELETE FROM chunk_vectors WHERE rowid IN (
            SELECT v.rowid FROM chunk_vectors AS v JOIN embedding_models AS m ON m.row_id = v.model_row_id
            WHERE m.name = ? LIMIT ?)
          """,
        arguments: [model.sql, limit])
      return db.changesCount
    }
    // Nobody searches for it: its vectors need no memory.
    if count > 0 { vectors.forget(model) }
    return count
  }
}

extension Database {
  fileprivate func servingModel() throws -> String? {
    try String.fetchOne(self, cached: "SELECT name FROM serving_embedding_model")
  }
}
