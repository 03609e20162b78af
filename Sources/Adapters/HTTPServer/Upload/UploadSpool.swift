import Contract
import FoundationEssentials
import NIOPosix

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The bytes of an uploaded file as they come in: the first in memory, and from ``maximumInMemory`` on in a file on the
/// disk that has no name, so that nothing is left of it whatever ends the process.
final class UploadSpool {
  /// The most bytes that are kept in memory: 256 KiB.
  static let maximumInMemory = 256 << 10

  private var memory: [UInt8] = []
  private var descriptor: Int32 = -1
  /// How many bytes there are.
  private(set) var count = 0

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// Takes more bytes. Writing to the disk is done on a thread that may wait for it.
  ///
  /// - Throws: `unavailable` when the disk does not take them.
  func append(_ bytes: [UInt8]) async throws {
    count += bytes.count
    if descriptor < 0 {
      memory += bytes
      guard memory.count > Self.maximumInMemory else { return }
      descriptor = try await NIOThreadPool.singleton.runIfActive { try Self.openUnnamed() }
      try await store(memory)
      memory = []
    } else {
      try await store(bytes)
    }
  }

  /// All the bytes: those of a file are read from the disk when they are looked at, and let go when memory is short.
  ///
  /// - Throws: `unavailable` when the file cannot be mapped.
  func finish() throws -> Data {
    guard descriptor >= 0, count > 0 else { return Data(memory) }
    let length = count
    guard let start = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw Self.failure("mapped")
    }
    // The mapping outlives the descriptor.
    return Data(bytesNoCopy: start, count: length, deallocator: .custom { start, length in munmap(start, length) })
  }

  private func store(_ bytes: [UInt8]) async throws {
    let descriptor = descriptor
    try await NIOThreadPool.singleton.runIfActive {
      var rest = bytes[...]
      while !rest.isEmpty {
        let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if written < 0 && errno == EINTR { continue }
        guard written > 0 else { throw Self.failure("written") }
        rest = rest.dropFirst(written)
      }
    }
  }

  /// A file in the folder for temporary files that outlive memory, without a name.
  private static func openUnnamed() throws -> Int32 {
    // /tmp is often memory itself.
    let folder = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/var/tmp"
    var path = Array("\(folder)/opentier-upload-XXXXXX".utf8CString)
    let descriptor = mkstemp(&path)
    guard descriptor >= 0 else { throw failure("made") }
    unlink(path)
    return descriptor
  }

  /// What the client is told, without paths.
  private static func failure(_ step: String) -> ContractError {
    ContractError(
      .unavailable, "the uploaded file cannot be \(step): \(String(cString: strerror(errno))); try again later")
  }
}
