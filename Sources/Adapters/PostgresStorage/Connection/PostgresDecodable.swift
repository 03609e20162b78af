package import Domain
package import FoundationEssentials

/// What can be read from a column in PostgreSQL's binary format.
package protocol PostgresDecodable {
  /// Reads a value that is not `NULL`; `nil` when the bytes are no such value.
  ///
  /// - Parameter type: the object id of the column's type.
  init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32)
}

extension Bool: PostgresDecodable {
  /// Reads `boolean`.
  package init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32) {
    guard type == PostgresType.bool, bytes.count == 1 else { return nil }
    self = bytes[0] != 0
  }
}

extension Int64: PostgresDecodable {
  /// Reads `smallint`, `integer`, `bigint` or `oid`.
  package init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32) {
    switch (type, bytes.count) {
    case (PostgresType.int2, 2): self = Int64(bytes.bigEndian(at: 0, as: Int16.self))
    case (PostgresType.int4, 4): self = Int64(bytes.bigEndian(at: 0, as: Int32.self))
    case (PostgresType.int8, 8): self = bytes.bigEndian(at: 0, as: Int64.self)
    case (PostgresType.oid, 4): self = Int64(bytes.bigEndian(at: 0, as: UInt32.self))
    default: return nil
    }
  }
}

extension Int: PostgresDecodable {
  /// Reads `smallint`, `integer`, `bigint` or `oid`.
  package init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32) {
    guard let value = Int64(postgres: bytes, type: type) else { return nil }
    self = Int(value)
  }
}

extension Double: PostgresDecodable {
  /// Reads `real` or `double precision`.
  package init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32) {
    switch (type, bytes.count) {
    case (PostgresType.float4, 4): self = Double(Float(bitPattern: bytes.bigEndian(at: 0, as: UInt32.self)))
    case (PostgresType.float8, 8): self = Double(bitPattern: bytes.bigEndian(at: 0, as: UInt64.self))
    default: return nil
    }
  }
}

extension String: PostgresDecodable {
  /// Reads `text`, `varchar`, `name`, `json`, `jsonb`, an enumeration, or another text-like type of an extension.
  package init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32) {
    switch type {
    case PostgresType.text, PostgresType.varchar, PostgresType.bpchar, PostgresType.name, PostgresType.char,
      PostgresType.unknown, PostgresType.json, PostgresType.firstOfUsers...:
      guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
      self = text
    case PostgresType.jsonb:
      // The version of the format comes first. Source: `jsonb_send` in `jsonb.c`.
      guard bytes.first == 1, let text = String(validating: bytes.dropFirst(), as: UTF8.self) else { return nil }
      self = text
    default: return nil
    }
  }
}

extension UUID: PostgresDecodable {
  /// Reads `uuid`.
  package init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32) {
    guard type == PostgresType.uuid, bytes.count == 16 else { return nil }
    self.init(uuid: bytes.loadUnaligned(as: uuid_t.self))
  }
}

extension Date: PostgresDecodable {
  /// Reads `timestamptz`, to the microsecond; an infinite one is none.
  package init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32) {
    guard type == PostgresType.timestamptz, bytes.count == 8 else { return nil }
    let (microseconds, isInfinite) = bytes.bigEndian(at: 0, as: Int64.self)
      .addingReportingOverflow(Self.postgresEpoch)
    guard !isInfinite, bytes.bigEndian(at: 0, as: Int64.self) != .min else { return nil }
    self.init(microseconds: microseconds)
  }
}

extension Data: PostgresDecodable {
  /// Reads `bytea`.
  package init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32) {
    guard type == PostgresType.bytea else { return nil }
    self.init(bytes)
  }
}

extension Embedding: PostgresDecodable {
  /// Reads pgvector's `vector` or `halfvec`, which their sizes tell apart.
  package init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32) {
    guard type >= PostgresType.firstOfUsers, bytes.count >= 4 else { return nil }
    let count = Int(bytes.bigEndian(at: 0, as: UInt16.self))
    switch bytes.count - 4 {
    case 4 * count:
      self.init((0..<count).map { Float(bitPattern: bytes.bigEndian(at: 4 + 4 * $0, as: UInt32.self)) })
    case 2 * count:
      self.init((0..<count).map { Float(Float16(bitPattern: bytes.bigEndian(at: 4 + 2 * $0, as: UInt16.self))) })
    default: return nil
    }
  }
}

/// What can be read as the element of an array.
package protocol PostgresArrayDecodable: PostgresDecodable {
  /// Reads an array that is not `NULL`; `nil` when the bytes are none of such elements.
  static func array(postgres bytes: UnsafeRawBufferPointer, type: UInt32) -> [Self]?
}

extension PostgresArrayDecodable {
  /// Reads an array of one dimension or none. Source: `array_recv` in `arrayfuncs.c`.
  package static func array(postgres bytes: UnsafeRawBufferPointer, type: UInt32) -> [Self]? {
    guard bytes.count >= 12, type != PostgresType.bytea else { return nil }
    let dimensions = bytes.bigEndian(at: 0, as: Int32.self)
    let elementType = bytes.bigEndian(at: 8, as: UInt32.self)
    if dimensions == 0 { return [] }
    guard dimensions == 1, bytes.count >= 20 else { return nil }
    let count = Int(bytes.bigEndian(at: 12, as: Int32.self))
    var offset = 20
    var elements: [Self] = []
    // A damaged count must not reserve memory that the bytes cannot fill: each element takes at least four.
    guard count >= 0, count <= (bytes.count - 20) / 4 else { return nil }
    elements.reserveCapacity(count)
    for _ in 0..<count {
      guard offset + 4 <= bytes.count else { return nil }
      let length = Int(bytes.bigEndian(at: offset, as: Int32.self))
      offset += 4
      guard length >= 0, offset + length <= bytes.count,
        let element = Self(
          postgres: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)]),
          type: elementType
        )
      else { return nil }
      elements.append(element)
      offset += length
    }
    return offset == bytes.count ? elements : nil
  }
}

extension Bool: PostgresArrayDecodable {}
extension Int: PostgresArrayDecodable {}
extension Int64: PostgresArrayDecodable {}
extension Double: PostgresArrayDecodable {}
extension String: PostgresArrayDecodable {}
extension UUID: PostgresArrayDecodable {}
extension Date: PostgresArrayDecodable {}
extension Data: PostgresArrayDecodable {}

extension UInt8: PostgresArrayDecodable {
  /// Only arrays of bytes are of use.
  package init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32) { return nil }

  /// Reads `bytea`.
  package static func array(postgres bytes: UnsafeRawBufferPointer, type: UInt32) -> [UInt8]? {
    type == PostgresType.bytea ? Array(bytes) : nil
  }
}

extension Array: PostgresDecodable where Element: PostgresArrayDecodable {
  /// Reads an array without `NULL`s, or a `bytea` as bytes.
  package init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32) {
    guard let elements = Element.array(postgres: bytes, type: type) else { return nil }
    self = elements
  }
}

extension UnsafeRawBufferPointer {
  /// An integer in network order; `offset` and its bytes lie within the buffer.
  func bigEndian<Value: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as: Value.Type) -> Value {
    Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
  }
}
