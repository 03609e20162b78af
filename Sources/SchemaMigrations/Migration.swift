import Crypto
import EmbeddedFiles
package import FoundationEssentials

/// One step of a schema, and back.
package struct Migration: Hashable, Sendable {
  /// `<timestamp>_<name>`; migrations run in the order of their names.
  package let name: String
  /// The statements that go up.
  package let up: String
  /// The statements that take it back.
  package let down: String
  /// SHA-256 of the file that goes up, 64 hexadecimal digits.
  package let checksum: String

  /// The migrations that the binary carries from a folder of the repository, such as `migrations/sqlite`.
  ///
  /// - Throws: `.malformed` when the binary carries none from there.
  package static func embedded(in folder: String) throws(MigrationFailure) -> [Migration] {
    let files = EmbeddedFiles.files(in: folder)
    guard !files.isEmpty else { throw .malformed(folder) }
    return try read(files)
  }

  /// Pairs files up by their names and sorts them; the folders they lie in do not matter.
  ///
  /// - Throws: `.malformed` for a file that has another name, has no counterpart, or is no UTF-8.
  package static func read(_ files: [(path: String, data: Data)]) throws(MigrationFailure) -> [Migration] {
    var ups: [String: Data] = [:]
    var downs: [String: Data] = [:]
    for (path, data) in files {
      let file = path.split(separator: "/").last.map(String.init) ?? path
      if file.hasSuffix(".up.sql"), isMigrationName(file.dropLast(7)) {
        ups[String(file.dropLast(7))] = data
      } else if file.hasSuffix(".down.sql"), isMigrationName(file.dropLast(9)) {
        downs[String(file.dropLast(9))] = data
      } else {
        throw .malformed(file)
      }
    }
    if let lonely = Set(ups.keys).symmetricDifference(downs.keys).min() { throw .malformed(lonely) }
    var migrations: [Migration] = []
    for name in ups.keys.sorted() {
      guard let up = ups[name], let down = downs[name], let upText = String(bytes: up, encoding: .utf8),
        let downText = String(bytes: down, encoding: .utf8)
      else { throw .malformed(name) }
      let digits = SHA256.hash(data: up).flatMap { [$0 >> 4, $0 & 15] }.map { String($0, radix: 16) }
      migrations.append(Migration(name: name, up: upText, down: downText, checksum: digits.joined()))
    }
    return migrations
  }

  private static func isMigrationName(_ text: Substring) -> Bool {
    let parts = text.split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
    return parts.count == 2 && parts[0].utf8.count == 14 && parts[0].utf8.allSatisfy { (48...57).contains($0) }
      && !parts[1].isEmpty
  }
}
