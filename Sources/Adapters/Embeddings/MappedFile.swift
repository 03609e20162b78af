#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A file mapped into memory for reading.
///
/// The mapping outlives the file's name: replacing the file by renaming another over it is safe, while cutting it
/// short in place ends the process at the next read of the lost part.
final class MappedFile: @unchecked Sendable {  // Invariant: the bytes are never written, and unmapped only in deinit.
  let bytes: UnsafeRawBufferPointer

  /// Maps the file at a path.
  ///
  /// - Throws: `ModelLoadingFailure.missing` where nothing is there, `.unreadable` with the system's reason otherwise.
  init(path: String) throws(ModelLoadingFailure) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw errno == ENOENT ? .missing(path: path) : .unreadable(path: path, reason: Self.lastError())
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .unreadable(path: path, reason: Self.lastError()) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(path: path, reason: "it is not a file") }
    let size = Int(status.st_size)
    guard size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw .unreadable(path: path, reason: Self.lastError())
    }
    bytes = UnsafeRawBufferPointer(start: start, count: size)
  }

  /// Gives the pages back to the system; those that are read again come back from the file.
  func dropPages() {
    guard let start = bytes.baseAddress else { return }
    // Advice alone: where it is refused, the pages stay until the system needs them.
    _ = madvise(UnsafeMutableRawPointer(mutating: start), bytes.count, MADV_DONTNEED)
  }

  deinit {
    if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
  }

  private static func lastError() -> String { String(cString: strerror(errno)) }
}
