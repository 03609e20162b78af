package import Application
import Domain
package import FoundationEssentials
import GRDB

/// The outbox in SQLite.
package struct SQLiteEventOutbox: EventOutbox {
  private let database: SQLiteDatabase

  /// Hands on the events of `database`.
  package init(_ database: SQLiteDatabase) { self.database = database }

  package func claim(
    limit: Int, at time: Date, leaseFor duration: TimeInterval
  ) async throws(StorageFailure) -> EventBatch? {
    // Consumers ask often and mostly in vain: that must not take the write lock.
    guard limit > 0, try await database.read({ db in try !db.claimableEvents(1, at: time).isEmpty }) else { return nil }
    return try await database.write { db in
      let token = UUID()
      let rows = try db.claimableEvents(limit, at: time)
      let statement = try db.cachedStatement(
        sql: "UPDATE outbox SET lease_token = ?, lease_expires_at = ? WHERE position = ?")
      for row in rows {
        try statement.execute(
          arguments: [token, time.addingTimeInterval(duration).sql, try row.value("position", as: Int64.self)])
      }
      return rows.isEmpty ? nil : EventBatch(events: try rows.map(DomainEvent.init(row:)), token: token)
    }
  }

  @discardableResult
  package func acknowledge(_ batch: EventBatch, at time: Date) async throws(StorageFailure) -> Int {
    try await database.write { db in
      try db.execute(
        cached: "UPDATE outbox SET delivered_at = ?, lease_token = NULL, lease_expires_at = NULL WHERE lease_token = ?",
        arguments: [time.sql, batch.token])
      return db.changesCount
    }
  }

  @discardableResult
  package func deleteEvents(occurredBefore time: Date) async throws(StorageFailure) -> Int {
    try await database.write { db in
      try db.execute(cached: "DELETE FROM outbox WHERE occurred_at < ?", arguments: [time.sql])
      return db.changesCount
    }
  }
}

extension Database {
  /// The oldest events that nobody has, but for tenants of whose events somebody has some.
  fileprivate func claimableEvents(_ limit: Int, at time: Date) throws -> [Row] {
    try Row.fetchAll(
      self,
      cached: """
        SELECT * FROM outbox
        WHERE delivered_at IS NULL AND organization_id NOT IN (
          SELECT organization_id FROM outbox WHERE lease_token IS NOT NULL AND lease_expires_at > ?)
        ORDER BY position LIMIT ?
        """,
      arguments: [time.sql, limit])
  }
}
