/// Writes the binary form of Protocol Buffers (https://protobuf.dev/programming-guides/encoding): as much of it as spans
/// take. Fields that have their standard value are left out, as proto3 has it.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  /// A field of `uint32`, `int64`, `bool` or an enum.
  mutating func varint(_ field: UInt64, _ value: UInt64) {
    guard value != 0 else { return }
    element(field, value)
  }

  /// The same of a member of a `oneof`, which is written whatever its value is.
  mutating func element(_ field: UInt64, _ value: UInt64) {
    append(field << 3)
    append(value)
  }

  /// A field of `fixed64` or `double`, by its bits; always written.
  mutating func fixed64(_ field: UInt64, _ value: UInt64) {
    append(field << 3 | 1)
    for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  /// A field of `fixed32`.
  mutating func fixed32(_ field: UInt64, _ value: UInt32) {
    guard value != 0 else { return }
    append(field << 3 | 5)
    for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  /// A field of `string` or `bytes`.
  mutating func text(_ field: UInt64, _ value: some Collection<UInt8>) {
    guard !value.isEmpty else { return }
    whole(field, value)
  }

  /// A field of a message; one without fields is written, too.
  mutating func message(_ field: UInt64, _ write: (inout ProtobufWriter) -> Void) {
    var inner = ProtobufWriter()
    write(&inner)
    whole(field, inner.bytes)
  }

  /// Bytes of whatever they are, with their length before them.
  mutating func whole(_ field: UInt64, _ value: some Collection<UInt8>) {
    append(field << 3 | 2)
    append(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  private mutating func append(_ varint: UInt64) {
    var rest = varint
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }
}
