import Application
import Synchronization

/// What the server's pgvector can do: looked up once, since a server refuses a setting that its version does not have.
final class VectorExtension: Sendable {
  private let isIterative = Mutex<Bool?>(nil)

  /// Whether a walk through an HNSW index can go on where filters leave too few: from version 0.8 on.
  func canGoOn(in database: PostgresDatabase) async throws(StorageFailure) -> Bool {
    if let known = isIterative.withLock({ $0 }) { return known }
    let rows = try await database.query(
      in: nil, readOnly: true, "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    let version: String
    do { version = try rows.first?.value("extversion") ?? "" } catch { throw StorageFailure(error) }
    let canGoOn = Self.canGoOn(version: version)
    isIterative.withLock { $0 = canGoOn }
    return canGoOn
  }

  /// The same by the text of the version, such as `0.8.5`.
  static func canGoOn(version: String) -> Bool {
    let numbers = version.split(separator: ".").map { Int($0) ?? 0 }
    return numbers.count >= 2 && (numbers[0], numbers[1]) >= (0, 8)
  }
}
