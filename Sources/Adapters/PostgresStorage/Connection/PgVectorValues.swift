package import Domain

// The binary formats of pgvector's types; sources: `vector_recv` in vector.c, `halfvec_recv` in halfvec.c and
// `sparsevec_recv` in sparsevec.c. Their object ids differ from database to database, so the server infers the type:
// write `\(embedding)::vector`.

extension Embedding: PostgresEncodable {
  /// As a `vector`: the dimensions, a zero, and each component in four bytes.
  package var postgres: PostgresValue {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 + 4 * values.count)
    bytes.append(bigEndian: UInt16(truncatingIfNeeded: values.count))
    bytes.append(bigEndian: UInt16(0))
    for value in values { bytes.append(bigEndian: value.bitPattern) }
    return PostgresValue(type: PostgresType.inferred, bytes: bytes)
  }

  /// Reads what `vector_send` wrote, in the same form; `nil` for bytes that are none.
  package init?(postgres bytes: [UInt8]) {
    guard bytes.count >= 4, bytes.count == 4 + 4 * (Int(bytes[0]) << 8 | Int(bytes[1])) else { return nil }
    self.init(
      stride(from: 4, to: bytes.count, by: 4).map { start in
        Float(bitPattern: bytes[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) })
      })
  }
}

/// A vector in half precision: pgvector's `halfvec`.
package struct HalfVector: PostgresEncodable, Sendable {
  private let embedding: Embedding

  /// Rounds the components to half precision, ties to even.
  package init(_ embedding: Embedding) { self.embedding = embedding }

  /// As a `halfvec`: the dimensions, a zero, and each component in two bytes.
  package var postgres: PostgresValue {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 + 2 * embedding.values.count)
    bytes.append(bigEndian: UInt16(truncatingIfNeeded: embedding.values.count))
    bytes.append(bigEndian: UInt16(0))
    for value in embedding.values { bytes.append(bigEndian: Float16(value).bitPattern) }
    return PostgresValue(type: PostgresType.inferred, bytes: bytes)
  }
}

/// A vector of which few components are not zero: pgvector's `sparsevec`.
package struct SparseVector: PostgresEncodable, Sendable {
  private let dimensions: Int
  private let entries: [(index: Int, value: Float)]

  /// Takes the components that are not zero.
  ///
  /// - Parameters:
  ///   - dimensions: the width, 1 to 1,000,000,000.
  ///   - entries: the components by their indices from 0 on, each index once; zeros are left out.
  package init(dimensions: Int, entries: some Sequence<(index: Int, value: Float)>) {
    self.dimensions = dimensions
    self.entries = entries.filter { $0.value != 0 }.sorted { $0.index < $1.index }
  }

  /// As a `sparsevec`: the dimensions, the number of entries, a zero, the indices from 0 on, the values.
  package var postgres: PostgresValue {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(12 + 8 * entries.count)
    bytes.append(bigEndian: Int32(truncatingIfNeeded: dimensions))
    bytes.append(bigEndian: Int32(truncatingIfNeeded: entries.count))
    bytes.append(bigEndian: Int32(0))
    for entry in entries { bytes.append(bigEndian: Int32(truncatingIfNeeded: entry.index)) }
    for entry in entries { bytes.append(bigEndian: entry.value.bitPattern) }
    return PostgresValue(type: PostgresType.inferred, bytes: bytes)
  }
}
