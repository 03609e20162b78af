import Domain
import StoredJSON

extension Metadata {
  /// Reads the column `metadata`.
  init(row: PostgresRow, column: String = "metadata") throws {
    // Most have none, and a JSON decoder costs some microseconds.
    guard try row.value(column, as: String.self) != "{}" else {
      self = [:]
      return
    }
    self = try row.json(column, as: [String: MetadataJSON].self).mapValues(\.value)
  }

  /// The value of the column `metadata`.
  func column() throws -> JSONB { isEmpty ? JSONB(text: "{}") : try JSONB(mapValues(MetadataJSON.init)) }
}
