package import Application
import FoundationEssentials

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Where the database file lies.
package enum DataDirectory {
  /// The name of the file in the data directory.
  package static let fileName = "opentier.db"

  /// Makes the data directory (mode 0700) and an empty file (mode 0600) where they are missing, and answers with the
  /// file's path. What is there keeps its mode.
  ///
  /// The file is made here because SQLite would make it with the process's umask; the log beside it takes its mode.
  ///
  /// - Throws: `.unavailable` when they cannot be made or opened.
  package static func prepare(_ directory: String) throws(StorageFailure) -> String {
    if !FileManager.default.fileExists(atPath: directory) {
      do {
        try FileManager.default.createDirectory(
          atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      } catch {
        throw .unavailable("the data directory \(directory) cannot be made")
      }
    }
    let path = directory + "/" + fileName
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw .unavailable("\(path) cannot be opened: \(String(cString: strerror(errno)))")
    }
    close(descriptor)
    return path
  }
}
