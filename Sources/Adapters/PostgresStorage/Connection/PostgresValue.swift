/// A value in PostgreSQL's binary format.
package struct PostgresValue: Hashable, Sendable {
  /// The object id of its type; 0 lets the server infer it, as for enumerations and `vector`.
  package let type: UInt32
  /// The bytes in network order, or `nil` for `NULL`.
  package let bytes: [UInt8]?

  /// Wraps bytes.
  package init(type: UInt32, bytes: [UInt8]?) {
    self.type = type
    self.bytes = bytes
  }
}

/// What can be a parameter of a statement.
package protocol PostgresEncodable {
  /// The object id of the type, which a `NULL` has too; 0 lets the server infer it.
  static var postgresType: UInt32 { get }
  /// The value.
  var postgres: PostgresValue { get }
}

extension PostgresEncodable {
  /// The server infers the type, unless a type says otherwise.
  package static var postgresType: UInt32 { PostgresType.inferred }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
  /// The type of the value.
  package static var postgresType: UInt32 { Wrapped.postgresType }
  /// The value, or `NULL`.
  package var postgres: PostgresValue { self?.postgres ?? PostgresValue(type: Wrapped.postgresType, bytes: nil) }
}

/// What can be an element of an array.
package protocol PostgresArrayElement: PostgresEncodable {
  /// The object id of the array's type.
  static var postgresArrayType: UInt32 { get }
  /// The bytes of the element, or `nil` for `NULL`.
  var postgresBytes: [UInt8]? { get }
  /// An array of these.
  static func postgresArray(_ elements: [Self]) -> PostgresValue
}

extension PostgresArrayElement {
  /// The element by itself.
  package var postgres: PostgresValue { PostgresValue(type: Self.postgresType, bytes: postgresBytes) }

  /// One dimension with the lower bound 1; none for an empty array. Source: `array_send` in `arrayfuncs.c`.
  package static func postgresArray(_ elements: [Self]) -> PostgresValue {
    var hasNull = false
    var body: [UInt8] = []
    for element in elements {
      if let bytes = element.postgresBytes {
        body.append(bigEndian: Int32(bytes.count))
        body += bytes
      } else {
        hasNull = true
        body.append(bigEndian: Int32(-1))
      }
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(20 + body.count)
    bytes.append(bigEndian: Int32(elements.isEmpty ? 0 : 1))
    bytes.append(bigEndian: Int32(hasNull ? 1 : 0))
    bytes.append(bigEndian: postgresType)
    if !elements.isEmpty {
      bytes.append(bigEndian: Int32(elements.count))
      bytes.append(bigEndian: Int32(1))
      bytes += body
    }
    return PostgresValue(type: postgresArrayType, bytes: bytes)
  }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresArrayElement {
  /// The array's type is that of its values.
  package static var postgresArrayType: UInt32 { Wrapped.postgresArrayType }
  /// The bytes of the value, or `nil` for `NULL`.
  package var postgresBytes: [UInt8]? { self?.postgresBytes }
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
  /// The array's type.
  package static var postgresType: UInt32 { Element.postgresArrayType }
  /// The array; that of `UInt8` is a `bytea`.
  package var postgres: PostgresValue { Element.postgresArray(self) }
}

extension UInt8: PostgresArrayElement {
  /// Only arrays of bytes are of use.
  package static var postgresType: UInt32 { PostgresType.int2 }
  /// `bytea`.
  package static var postgresArrayType: UInt32 { PostgresType.bytea }
  /// As an `int2`.
  package var postgresBytes: [UInt8]? { [UInt8](bigEndian: Int16(self)) }
  /// The bytes themselves.
  package static func postgresArray(_ elements: [UInt8]) -> PostgresValue {
    PostgresValue(type: PostgresType.bytea, bytes: elements)
  }
}

extension [UInt8] {
  /// The bytes of an integer in network order.
  init(bigEndian value: some FixedWidthInteger) {
    self = Swift.withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }

  /// Appends the bytes of an integer in network order.
  mutating func append(bigEndian value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }
}
