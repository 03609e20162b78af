import Domain
package import FoundationEssentials
import GRDB
package import SchemaMigrations

/// Brings the schema of a SQLite file up to date, or takes steps back.
///
/// Each migration runs in a transaction of its own under SQLite's exclusive lock and is recorded in the same
/// transaction, so that two processes that start at once apply each once.
package struct SQLiteMigrator: Sendable {
  private let path: String
  private let busyTimeout: Double
  private let migrations: [Migration]

  /// A migrator with the migrations that the binary carries.
  ///
  /// - Parameter busyTimeout: how long to wait for another process, in seconds.
  /// - Throws: `.malformed` when the binary carries none.
  package init(path: String, busyTimeout: Double = SQLiteDatabase.defaultBusyTimeout) throws(MigrationFailure) {
    self.path = path
    self.busyTimeout = busyTimeout
    migrations = try Migration.embedded(in: "migrations/sqlite")
  }

  /// A migrator with other files, each by its path.
  package init(
    path: String, busyTimeout: Double = SQLiteDatabase.defaultBusyTimeout, files: [(path: String, data: Data)]
  ) throws(MigrationFailure) {
    self.path = path
    self.busyTimeout = busyTimeout
    migrations = try Migration.read(files)
  }

  /// Applies what was not applied yet, and answers with the names.
  @discardableResult
  package func up() throws(MigrationFailure) -> [String] {
    try connected { queue throws(MigrationFailure) in
      var names: [String] = []
      while let name = try step(in: queue, { db throws(MigrationFailure) in try applyNext(db) }) { names.append(name) }
      return names
    }
  }

  /// Takes back the last `steps` migrations, the latest first, and answers with the names.
  @discardableResult
  package func down(steps: Int) throws(MigrationFailure) -> [String] {
    try connected { queue throws(MigrationFailure) in
      var names: [String] = []
      while names.count < steps, let name = try step(in: queue, { db throws(MigrationFailure) in try revertLast(db) }) {
        names.append(name)
      }
      return names
    }
  }

  /// All migrations, the earliest first, and whether they were applied.
  package func status() throws(MigrationFailure) -> [MigrationStatus] {
    try connected { queue throws(MigrationFailure) in
      var status: [MigrationStatus] = []
      _ = try step(in: queue) { db throws(MigrationFailure) in
        status = try history(db).status
        return nil
      }
      return status
    }
  }

  private func connected<Value>(
    _ body: (DatabaseQueue) throws(MigrationFailure) -> Value
  ) throws(MigrationFailure) -> Value {
    var configuration = SQLiteDatabase.configuration(busyTimeout: busyTimeout)
    // A table that is built anew may break references until the migration's end, when they are all checked.
    configuration.foreignKeysEnabled = false
    let queue: DatabaseQueue
    do {
      queue = try DatabaseQueue(path: path, configuration: configuration)
      // The mode stays with the file. Set here, before any lock is held, so that two processes do not race for it.
      try queue.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA journal_mode = WAL") }
    } catch {
      throw .unavailable(Self.reason(error))
    }
    let result: Value
    do throws(MigrationFailure) { result = try body(queue) } catch {
      // What went wrong first is what is told; the file is let go of when the queue is.
      throw error
    }
    do { try queue.close() } catch { throw .unavailable(Self.reason(error)) }
    return result
  }

  /// Runs `body` in one exclusive transaction.
  private func step(
    in queue: DatabaseQueue, _ body: (Database) throws(MigrationFailure) -> String?
  ) throws(MigrationFailure) -> String? {
    do {
      var name: String?
      try queue.writeWithoutTransaction { db in
        try db.inTransaction(.exclusive) {
          try db.execute(
            sql: """
              CREATE TABLE IF NOT EXISTS schema_migrations (
                name TEXT PRIMARY KEY NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL)
              """)
          name = try body(db)
          return .commit
        }
      }
      return name
    } catch let failure as MigrationFailure {
      throw failure
    } catch {
      throw .unavailable(Self.reason(error))
    }
  }

  private func applyNext(_ db: Database) throws(MigrationFailure) -> String? {
    guard let next = try history(db).next else { return nil }
    try run(next.up, of: next, in: db) { db in
      try db.execute(
        sql: "INSERT INTO schema_migrations (name, checksum, applied_at) VALUES (?, ?, ?)",
        arguments: [next.name, next.checksum, Date.now.microseconds])
    }
    return next.name
  }

  private func revertLast(_ db: Database) throws(MigrationFailure) -> String? {
    guard let last = try history(db).last else { return nil }
    try run(last.down, of: last, in: db) { db in
      try db.execute(sql: "DELETE FROM schema_migrations WHERE name = ?", arguments: [last.name])
    }
    return last.name
  }

  private func run(
    _ sql: String, of migration: Migration, in db: Database, record: (Database) throws -> Void
  ) throws(MigrationFailure) {
    do {
      try db.execute(sql: sql)
      try db.checkForeignKeys()
      try record(db)
    } catch {
      throw .failed(migration.name, reason: Self.reason(error))
    }
  }

  private func history(_ db: Database) throws(MigrationFailure) -> MigrationHistory {
    let applied: [AppliedMigration]
    do {
      applied = try Row.fetchAll(db, sql: "SELECT name, checksum, applied_at FROM schema_migrations").map { row in
        AppliedMigration(
          name: try row.value("name"), checksum: try row.value("checksum"), time: try row.time("applied_at"))
      }
    } catch {
      throw .unavailable(Self.reason(error))
    }
    return try MigrationHistory(of: migrations, applied: applied)
  }

  private static func reason(_ error: any Error) -> String {
    (error as? DatabaseError)?.message ?? String(describing: error)
  }
}
