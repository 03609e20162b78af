package import Application
import Domain
package import FoundationEssentials
import GRDB

/// The counters of usage, in SQLite.
package struct SQLiteUsageCounters: UsageCounters {
  private let database: SQLiteDatabase
  private let journal: UsageJournal

  /// Removes from `database`.
  ///
  /// - Parameter journal: what was counted that the file may not have yet.
  init(_ database: SQLiteDatabase, _ journal: UsageJournal) {
    self.database = database
    self.journal = journal
  }

  package func removeIdle(at time: Date, limit: Int) async throws(StorageFailure) -> Int {
    let firstDayBegins = time.addingTimeInterval(-UsageLimits.firstDay)
    return try await database.write { [journal] db in
      try journal.write(to: db, all: true)
      try db.execute(
        cached: """
          DELETE FROM usage_counters WHERE (organization_id, scope, subject_id) IN (
            SELECT c.organization_id, c.scope, c.subject_id FROM usage_counters AS c
            WHERE c.day < ? AND c.accounted <= ? AND (c.first_day_requests = 0 OR NOT EXISTS (
              SELECT 1 FROM users AS u
              WHERE u.id = c.subject_id AND u.organization_id = c.organization_id AND u.created_at > ?))
            LIMIT ?)
          """,
        arguments: [UsageDay(time).number, time.microseconds, firstDayBegins.sql, max(0, limit)])
      return db.changesCount
    }
  }
}
