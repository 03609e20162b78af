package import Domain
package import FoundationEssentials

extension Bool: PostgresArrayElement {
  /// `boolean`.
  package static var postgresType: UInt32 { PostgresType.bool }
  /// `boolean[]`.
  package static var postgresArrayType: UInt32 { PostgresType.boolArray }
  /// One byte.
  package var postgresBytes: [UInt8]? { [self ? 1 : 0] }
}

extension Int: PostgresArrayElement {
  /// `bigint`.
  package static var postgresType: UInt32 { PostgresType.int8 }
  /// `bigint[]`.
  package static var postgresArrayType: UInt32 { PostgresType.int8Array }
  /// Eight bytes.
  package var postgresBytes: [UInt8]? { [UInt8](bigEndian: Int64(self)) }
}

extension Int64: PostgresArrayElement {
  /// `bigint`.
  package static var postgresType: UInt32 { PostgresType.int8 }
  /// `bigint[]`.
  package static var postgresArrayType: UInt32 { PostgresType.int8Array }
  /// Eight bytes.
  package var postgresBytes: [UInt8]? { [UInt8](bigEndian: self) }
}

extension Int32: PostgresArrayElement {
  /// `integer`.
  package static var postgresType: UInt32 { PostgresType.int4 }
  /// `integer[]`.
  package static var postgresArrayType: UInt32 { PostgresType.int4Array }
  /// Four bytes.
  package var postgresBytes: [UInt8]? { [UInt8](bigEndian: self) }
}

extension Int16: PostgresArrayElement {
  /// `smallint`.
  package static var postgresType: UInt32 { PostgresType.int2 }
  /// `smallint[]`.
  package static var postgresArrayType: UInt32 { PostgresType.int2Array }
  /// Two bytes.
  package var postgresBytes: [UInt8]? { [UInt8](bigEndian: self) }
}

extension Float: PostgresArrayElement {
  /// `real`.
  package static var postgresType: UInt32 { PostgresType.float4 }
  /// `real[]`.
  package static var postgresArrayType: UInt32 { PostgresType.float4Array }
  /// Four bytes, IEEE 754.
  package var postgresBytes: [UInt8]? { [UInt8](bigEndian: bitPattern) }
}

extension Double: PostgresArrayElement {
  /// `double precision`.
  package static var postgresType: UInt32 { PostgresType.float8 }
  /// `double precision[]`.
  package static var postgresArrayType: UInt32 { PostgresType.float8Array }
  /// Eight bytes, IEEE 754.
  package var postgresBytes: [UInt8]? { [UInt8](bigEndian: bitPattern) }
}

extension String: PostgresArrayElement {
  /// `text`; a cast in the SQL makes `inet`, `interval` or `jsonb` of it.
  package static var postgresType: UInt32 { PostgresType.text }
  /// `text[]`.
  package static var postgresArrayType: UInt32 { PostgresType.textArray }
  /// UTF-8. PostgreSQL's text cannot hold U+0000: the server refuses it (22021).
  package var postgresBytes: [UInt8]? { Array(utf8) }
}

extension UUID: PostgresArrayElement {
  /// `uuid`.
  package static var postgresType: UInt32 { PostgresType.uuid }
  /// `uuid[]`.
  package static var postgresArrayType: UInt32 { PostgresType.uuidArray }
  /// Its 16 bytes.
  package var postgresBytes: [UInt8]? { Swift.withUnsafeBytes(of: uuid) { Array($0) } }
}

extension Identifier: PostgresArrayElement {
  /// `uuid`.
  package static var postgresType: UInt32 { PostgresType.uuid }
  /// `uuid[]`.
  package static var postgresArrayType: UInt32 { PostgresType.uuidArray }
  /// Its 16 bytes.
  package var postgresBytes: [UInt8]? { uuid.postgresBytes }
}

extension Date: PostgresArrayElement {
  /// `timestamptz`.
  package static var postgresType: UInt32 { PostgresType.timestamptz }
  /// `timestamptz[]`.
  package static var postgresArrayType: UInt32 { PostgresType.timestamptzArray }
  /// Microseconds since 2000-01-01 00:00 UTC.
  package var postgresBytes: [UInt8]? { [UInt8](bigEndian: microseconds - Self.postgresEpoch) }

  /// PostgreSQL's epoch, 2000-01-01, in microseconds since 1970.
  static let postgresEpoch: Int64 = 946_684_800_000_000
}

extension SecretHash: PostgresArrayElement {
  /// `bytea`.
  package static var postgresType: UInt32 { PostgresType.bytea }
  /// `bytea[]`.
  package static var postgresArrayType: UInt32 { PostgresType.byteaArray }
  /// Its bytes.
  package var postgresBytes: [UInt8]? { bytes }
}

extension Data: PostgresArrayElement {
  /// `bytea`.
  package static var postgresType: UInt32 { PostgresType.bytea }
  /// `bytea[]`.
  package static var postgresArrayType: UInt32 { PostgresType.byteaArray }
  /// The bytes.
  package var postgresBytes: [UInt8]? { Array(self) }
}
