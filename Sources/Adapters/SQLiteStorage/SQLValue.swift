import Domain
import FoundationEssentials
import GRDB

/// What is stored as one SQLite value.
protocol SQLValue {
  /// The value.
  var sql: DatabaseValue { get }
}

extension Identifier: SQLValue {
  /// Its 16 bytes.
  var sql: DatabaseValue { uuid.databaseValue }
}

extension Date: SQLValue {
  /// Microseconds since 1970.
  var sql: DatabaseValue { microseconds.databaseValue }
}

extension String: SQLValue {
  /// The text as SQLite keeps it. GRDB binds strings as C does, up to the first U+0000, so a text that has one goes as
  /// the bytes of its UTF-8, which are read back as the same text.
  var sql: DatabaseValue { utf8.contains(0) ? Data(utf8).databaseValue : databaseValue }
}

extension SecretHash: SQLValue {
  /// Its 32 bytes.
  var sql: DatabaseValue { Data(bytes).databaseValue }
}

extension Optional where Wrapped: SQLValue {
  /// The value, or `NULL`.
  var sql: DatabaseValue { map(\.sql) ?? .null }
}
