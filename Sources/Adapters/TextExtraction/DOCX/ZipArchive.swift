#if DOCX
import Application
import CZip

/// Reads single entries of a ZIP archive in memory, by libzip.
struct ZipArchive: ~Copyable {
  private let archive: OpaquePointer

  /// Calls `body` with the archive that the bytes are.
  ///
  /// - Throws: `.invalid` when they are none, or what `body` throws.
  static func with<Value>(
    _ bytes: [UInt8], _ body: (borrowing ZipArchive) throws(ExtractionFailure) -> Value
  ) throws(ExtractionFailure) -> Value {
    let result = bytes.withUnsafeBytes { buffer -> Result<Value, ExtractionFailure> in
      guard let source = zip_source_buffer_create(buffer.baseAddress, zip_uint64_t(buffer.count), 0, nil) else {
        return .failure(.invalid("there is no memory to read the file"))
      }
      guard let archive = zip_open_from_source(source, ZIP_RDONLY, nil) else {
        zip_source_free(source)
        return .failure(.invalid("the file is a broken ZIP archive"))
      }
      // Nothing was changed, so there is nothing to write; the source goes with it.
      defer { zip_discard(archive) }
      let zip = ZipArchive(archive: archive)
      return Result { () throws(ExtractionFailure) in try body(zip) }
    }
    return try result.get()
  }

  private init(archive: OpaquePointer) { self.archive = archive }

  /// The bytes of an entry; `nil` when there is none of that name.
  ///
  /// - Parameter limit: The most bytes that it may have when inflated.
  /// - Throws: `.invalid` for one that is larger, broken or encrypted, `.cancelled`.
  borrowing func entry(_ name: String, limit: Int) throws(ExtractionFailure) -> [UInt8]? {
    guard zip_name_locate(archive, name, 0) >= 0 else { return nil }
    guard let file = zip_fopen(archive, name, 0) else {
      throw .invalid("\(name) in the file cannot be read: it is encrypted or broken")
    }
    defer { zip_fclose(file) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 64 * 1_024)
    while true {
      let count = zip_fread(file, &part, zip_uint64_t(part.count))
      guard count >= 0 else { throw .invalid("\(name) in the file is broken") }
      guard count > 0 else { return bytes }
      guard bytes.count + Int(count) <= limit else {
        throw .invalid("\(name) in the file has more than \(limit) bytes when it is unpacked")
      }
      bytes += part.prefix(Int(count))
      try checkCancellation()
    }
  }
}
#endif
