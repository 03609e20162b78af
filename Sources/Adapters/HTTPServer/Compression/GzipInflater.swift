import CZlib

/// Inflates gzip (RFC 1952) piece by piece, through zlib, and never to more than a limit.
///
/// A file may have several members, which follow each other (RFC 1952 §2.2). Only what was inflated is kept, and at most
/// ``GzipInflater/step`` bytes more than the limit are ever allocated.
struct GzipInflater: ~Copyable {
  /// Why bytes cannot be inflated.
  enum Failure: Error, Equatable {
    /// They are not gzip, or end too early.
    case malformed
    /// They are more than the limit when they are inflated.
    case tooLarge
    /// There is no memory for zlib's state, some 40 KiB.
    case outOfMemory
  }

  /// How many bytes are inflated at a time: 32 KiB.
  static let step = 32 << 10
  /// zlib's window of 32 KiB, 15, with 16 added for the gzip format alone.
  static let windowBits: CInt = 15 + 16

  private let stream: UnsafeMutablePointer<z_stream>
  private let limit: Int
  private var inflated: [UInt8] = []
  /// Whether a member has ended and no byte of another has come.
  private var isBetweenMembers = false

  /// Makes an inflater for at most `limit` bytes.
  init(limit: Int) throws(Failure) {
    self.limit = limit
    // zlib's state points back at the stream, so that it has to stay where it is.
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard inflateInit2_(stream, Self.windowBits, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw .outOfMemory
    }
  }

  deinit {
    // Of a state that was never made it says so and does nothing.
    inflateEnd(stream)
    stream.deinitialize(count: 1)
    stream.deallocate()
  }

  /// Takes more bytes.
  mutating func feed(_ bytes: [UInt8]) throws(Failure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      // zlib counts in 32 bits.
      let piece = rest.prefix(1 << 20)
      rest = rest.dropFirst(piece.count)
      try piece.withUnsafeBufferPointer { (input) throws(Failure) in
        // zlib does not write there.
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        stream.pointee.avail_in = UInt32(input.count)
        try inflate()
        stream.pointee.next_in = nil
      }
    }
  }

  private mutating func inflate() throws(Failure) {
    var isFull = false
    while stream.pointee.avail_in > 0 || isFull {
      if isBetweenMembers {
        guard inflateReset(stream) == Z_OK else { throw .malformed }
        isBetweenMembers = false
      }
      // One byte more than the limit tells too much from just enough.
      let room = min(Self.step, limit - inflated.count + 1)
      var status = Z_OK
      let before = inflated.count
      inflated.append(
        contentsOf: [UInt8](unsafeUninitializedCapacity: room) { [stream] output, count in
          stream.pointee.next_out = output.baseAddress
          stream.pointee.avail_out = UInt32(room)
          status = CZlib.inflate(stream, Z_NO_FLUSH)
          count = room - Int(stream.pointee.avail_out)
          stream.pointee.next_out = nil
        })
      guard inflated.count <= limit else { throw .tooLarge }
      isFull = inflated.count - before == room
      switch status {
      case Z_OK: break
      case Z_STREAM_END:
        isBetweenMembers = true
        isFull = false
      // Nothing was left to be done, which is no failure: more input is to come.
      case Z_BUF_ERROR: isFull = false
      case Z_MEM_ERROR: throw .outOfMemory
      default: throw .malformed
      }
    }
  }

  /// What was inflated.
  ///
  /// - Throws: `malformed` when the last member is not whole.
  consuming func finish() throws(Failure) -> [UInt8] {
    guard isBetweenMembers else { throw .malformed }
    return inflated
  }
}
