import FoundationEssentials

/// A value as PostgreSQL's `jsonb`.
package struct JSONB: PostgresEncodable, Sendable {
  private let json: [UInt8]

  /// Encodes a value, its keys sorted.
  package init(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    json = Array(try encoder.encode(value))
  }

  /// Takes JSON text as it is; the server refuses what is none.
  package init(text: String) { json = Array(text.utf8) }

  /// `jsonb`.
  package static var postgresType: UInt32 { PostgresType.jsonb }

  /// The version of the format, 1, before the text. Source: `jsonb_recv` in `jsonb.c`.
  package var postgres: PostgresValue { PostgresValue(type: PostgresType.jsonb, bytes: [1] + json) }
}
