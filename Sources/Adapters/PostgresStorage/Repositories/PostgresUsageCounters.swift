package import Application
import Domain
package import FoundationEssentials

/// The counters of usage, in PostgreSQL.
package struct PostgresUsageCounters: UsageCounters {
  private let database: PostgresDatabase

  /// Removes from `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func removeIdle(at time: Date, limit: Int) async throws(StorageFailure) -> Int {
    let rows = try await database.query(
      in: nil, settings: [("synchronous_commit", "off")],
      "SELECT delete_idle_counters(\(time), \(Int32(clamping: max(0, limit)))) AS count")
    do { return try rows.first.map { try $0.value("count") } ?? 0 } catch { throw StorageFailure(error) }
  }
}
