import CZlib

/// gzip (RFC 1952) of whole messages.
enum Gzip {
  /// Inflates bytes to at most `limit` bytes.
  static func inflate(_ bytes: [UInt8], limit: Int) throws(GzipInflater.Failure) -> [UInt8] {
    var inflater = try GzipInflater(limit: limit)
    try inflater.feed(bytes)
    return try inflater.finish()
  }

  /// Deflates bytes at zlib's standard level, 6; `nil` when zlib has no memory (some 256 KiB) or there are 4 GiB or more,
  /// and the bytes have to go out as they are.
  static func deflate(_ bytes: [UInt8]) -> [UInt8]? {
    guard let size = UInt32(exactly: bytes.count) else { return nil }
    var stream = z_stream()
    guard
      deflateInit2_(
        &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GzipInflater.windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        CInt(MemoryLayout<z_stream>.size)) == Z_OK
    else { return nil }
    defer { deflateEnd(&stream) }
    guard let room = UInt32(exactly: deflateBound(&stream, UInt(size))) else { return nil }
    var status = Z_OK
    let deflated = [UInt8](unsafeUninitializedCapacity: Int(room)) { output, count in
      bytes.withUnsafeBufferPointer { input in
        // zlib does not write there.
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        stream.avail_in = size
        stream.next_out = output.baseAddress
        stream.avail_out = room
        status = CZlib.deflate(&stream, Z_FINISH)
      }
      count = Int(room - stream.avail_out)
    }
    return status == Z_STREAM_END ? deflated : nil
  }
}
