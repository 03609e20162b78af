import NIOCore

/// A message with five bytes before it: flags, and its length as a big-endian number of 32 bits.
///
/// Source: the Connect protocol reference, "Enveloped-Message", and gRPC's PROTOCOL-HTTP2.md, "Length-Prefixed-Message".
struct Envelope: Equatable, Sendable {
  /// The flag of a compressed message.
  static let compressed: UInt8 = 0b0000_0001
  /// The bytes before the message.
  static let headerBytes = 5

  var flags: UInt8 = 0
  var payload: [UInt8]

  /// The bytes on the wire. No message of ours reaches 4 GiB: the texts that they hold are bounded far below.
  var bytes: [UInt8] {
    let size = UInt32(payload.count)
    return [flags] + (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) } + payload
  }

  /// The bytes on the wire.
  var buffer: ByteBuffer { ByteBuffer(bytes: bytes) }
}

/// Reads the one message of a request as it comes in.
///
/// No method of the contract takes a stream, so that a second message is as wrong as none.
struct EnvelopeReader {
  /// Why the bytes are not one enveloped message.
  enum Failure: Error, Equatable {
    /// There is none.
    case empty
    /// They end within it.
    case truncated
    /// Something follows it.
    case moreThanOne
    /// It says that it has more bytes than it may.
    case tooLarge
  }

  private let limit: Int
  private var header: [UInt8] = []
  private var payload: [UInt8] = []
  /// The length that the header gives, once it has been read.
  private var length: Int?

  /// Reads a message of at most `limit` bytes.
  init(limit: Int) { self.limit = limit }

  /// Takes more bytes. A message that says that it is too large is refused before any of it is kept.
  mutating func feed(_ bytes: some Collection<UInt8>) throws(Failure) {
    var rest = bytes[...]
    if length == nil {
      let part = rest.prefix(Envelope.headerBytes - header.count)
      header.append(contentsOf: part)
      rest = rest.dropFirst(part.count)
      guard header.count == Envelope.headerBytes else { return }
      let size = header[1...].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard size <= UInt64(limit) else { throw .tooLarge }
      length = Int(size)
    }
    guard let length else { return }
    let part = rest.prefix(length - payload.count)
    payload.append(contentsOf: part)
    guard part.count == rest.count else { throw .moreThanOne }
  }

  /// The message, at the end of the bytes.
  func finish() throws(Failure) -> Envelope {
    guard !header.isEmpty else { throw .empty }
    guard let length, payload.count == length else { throw .truncated }
    return Envelope(flags: header[0], payload: payload)
  }
}
