import Application
import Domain
import FoundationEssentials
import GRDB

#if _endian(big)
#error("chunk_vectors holds little-endian floats, which are copied as they are")
#endif

extension Embedding {
  /// Reads what ``Database/insert(_:model:)`` stored, which need not lie where floats do; `nil` for no whole number of
  /// components.
  init?(bytes: UnsafeRawBufferPointer) {
    let width = MemoryLayout<Float>.size
    guard !bytes.isEmpty, bytes.count % width == 0 else { return nil }
    self.init(
      stride(from: 0, to: bytes.count, by: width).map { bytes.loadUnaligned(fromByteOffset: $0, as: Float.self) })
  }
}

extension Database {
  /// How many changes are kept for processes that have not read them yet; one that is further behind loads everything.
  static var keptVectorChanges: Int64 { 100_000 }

  /// Adds or replaces the vectors of chunks.
  ///
  /// - Throws: `StorageFailure.conflict("dimensions")` when they are not as wide as the model's others.
  func insert(_ vectors: [(chunk: Int64, embedding: Embedding)], model: String) throws {
    guard let width = vectors.first?.embedding.values.count else { return }
    try execute(
      cached: "INSERT OR IGNORE INTO embedding_models (name, dimensions) VALUES (?, ?)", arguments: [model.sql, width])
    let row = try Row.fetchOne(
      self, cached: "SELECT row_id, dimensions FROM embedding_models WHERE name = ?", arguments: [model.sql])
    guard let row else { throw StorageFailure.conflict("dimensions") }
    let modelRow: Int64 = try row.value("row_id")
    let dimensions: Int = try row.value("dimensions")
    let statement = try cachedStatement(
      sql: "INSERT OR REPLACE INTO chunk_vectors (chunk_row_id, model_row_id, vector) VALUES (?, ?, ?)")
    for (chunk, embedding) in vectors {
      guard embedding.values.count == dimensions else { throw StorageFailure.conflict("dimensions") }
      try statement.execute(
        arguments: [chunk, modelRow, embedding.values.withUnsafeBytes { Data($0) }])
    }
  }

  /// Tells every process that a revision's vectors or visibility changed in this transaction.
  func logVectorChange(ofRevision revision: Int64) throws {
    try execute(cached: "INSERT INTO vector_changes (revision_row_id) VALUES (?)", arguments: [revision])
    try execute(
      cached: "DELETE FROM vector_changes WHERE seq <= ?", arguments: [lastInsertedRowID - Self.keptVectorChanges])
  }

  /// The same of all revisions of a document.
  func logVectorChanges(of document: DocumentID) throws {
    let revisions = try Int64.fetchAll(
      self, cached: "SELECT row_id FROM document_revisions WHERE document_id = ?", arguments: [document.sql])
    for revision in revisions { try logVectorChange(ofRevision: revision) }
  }
}
