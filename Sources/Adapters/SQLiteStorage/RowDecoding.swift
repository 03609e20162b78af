import Domain
import FoundationEssentials
import GRDB

/// A column that holds what its reader cannot make sense of.
struct UnreadableValue: Error {
  let column: String
}

// GRDB's own subscripts stop the process at a value of the wrong type; these throw.
extension Row {
  /// A value that must be there.
  func value<Value: DatabaseValueConvertible>(_ column: String, as: Value.Type = Value.self) throws -> Value {
    guard let value = Value.fromDatabaseValue(self[column]) else { throw UnreadableValue(column: column) }
    return value
  }

  /// A value that may be `NULL`.
  func optional<Value: DatabaseValueConvertible>(_ column: String, as: Value.Type = Value.self) throws -> Value? {
    let stored: DatabaseValue = self[column]
    return stored.isNull ? nil : try value(column)
  }

  /// An id.
  func id<Entity>(_ column: String, of: Entity.Type = Entity.self) throws -> Identifier<Entity> {
    Identifier(try value(column, as: UUID.self))
  }

  /// An id, if any.
  func optionalID<Entity>(_ column: String, of: Entity.Type = Entity.self) throws -> Identifier<Entity>? {
    try optional(column, as: UUID.self).map(Identifier.init)
  }

  /// A time.
  func time(_ column: String) throws -> Date { Date(microseconds: try value(column)) }

  /// A time, if any.
  func optionalTime(_ column: String) throws -> Date? { try optional(column).map(Date.init(microseconds:)) }

  /// A case of an enumeration.
  func enumeration<Value: RawRepresentable<String>>(_ column: String, of: Value.Type = Value.self) throws -> Value {
    guard let value = Value(rawValue: try value(column)) else { throw UnreadableValue(column: column) }
    return value
  }

  /// A SHA-256.
  func hash(_ column: String) throws -> SecretHash { SecretHash(Array(try value(column, as: Data.self))) }

  /// A value from its JSON text.
  func json<Value: Decodable>(_ column: String, as: Value.Type = Value.self) throws -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: Data(try value(column, as: String.self).utf8))
    } catch {
      throw UnreadableValue(column: column)
    }
  }
}

extension Encodable {
  /// The JSON text, with its keys sorted.
  func json() throws -> DatabaseValue {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self).databaseValue
  }
}
