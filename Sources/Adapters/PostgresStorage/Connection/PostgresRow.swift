package import Domain
package import FoundationEssentials

/// A column that holds what its reader cannot make sense of, or that is not there.
struct UnreadableValue: Error, Hashable {
  let column: String
}

/// One row of an answer. Values are read by the name of their column; one of the wrong type is an error, never a stop
/// of the process.
package struct PostgresRow: Sendable {
  let result: PostgresResult
  let index: Int32

  /// A value that must be there.
  package func value<Value: PostgresDecodable>(_ column: String, as: Value.Type = Value.self) throws -> Value {
    guard let value = try optional(column, as: Value.self) else { throw UnreadableValue(column: column) }
    return value
  }

  /// A value that may be `NULL`.
  package func optional<Value: PostgresDecodable>(_ column: String, as: Value.Type = Value.self) throws -> Value? {
    guard let position = result.column(column) else { throw UnreadableValue(column: column) }
    let (isNull, value) = result.withValue(row: index, column: position, Value.init(postgres:type:))
    if !isNull, value == nil { throw UnreadableValue(column: column) }
    return value
  }

  /// An id.
  package func id<Entity>(_ column: String, of: Entity.Type = Entity.self) throws -> Identifier<Entity> {
    Identifier(try value(column, as: UUID.self))
  }

  /// An id, if any.
  package func optionalID<Entity>(_ column: String, of: Entity.Type = Entity.self) throws -> Identifier<Entity>? {
    try optional(column, as: UUID.self).map(Identifier.init)
  }

  /// A time.
  package func time(_ column: String) throws -> Date { try value(column) }

  /// A time, if any.
  package func optionalTime(_ column: String) throws -> Date? { try optional(column) }

  /// A case of an enumeration.
  package func enumeration<Value: RawRepresentable<String>>(
    _ column: String, of: Value.Type = Value.self
  ) throws -> Value {
    guard let value = Value(rawValue: try value(column)) else { throw UnreadableValue(column: column) }
    return value
  }

  /// A case of an enumeration, if any.
  package func optionalEnumeration<Value: RawRepresentable<String>>(
    _ column: String, of: Value.Type = Value.self
  ) throws -> Value? {
    guard let text = try optional(column, as: String.self) else { return nil }
    guard let value = Value(rawValue: text) else { throw UnreadableValue(column: column) }
    return value
  }

  /// A SHA-256.
  package func hash(_ column: String) throws -> SecretHash { SecretHash(try value(column, as: [UInt8].self)) }

  /// A value from its `json` or `jsonb`.
  package func json<Value: Decodable>(_ column: String, as: Value.Type = Value.self) throws -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: Data(try value(column, as: String.self).utf8))
    } catch {
      throw UnreadableValue(column: column)
    }
  }
}
