import Domain
import EmbeddedFiles
package import FoundationEssentials
import GRDB

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
    let folder = "migrations/sqlite"
    let files = EmbeddedFiles.files(in: folder)
    guard !files.isEmpty else { throw .malformed(folder) }
    try self.init(path: path, busyTimeout: busyTimeout, files: files)
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
      var applied: [String: Applied] = [:]
      _ = try step(in: queue) { db throws(MigrationFailure) in
        applied = try check(appliedMigrations(db))
        return nil
      }
      return migrations.map { MigrationStatus(name: $0.name, appliedAt: applied[$0.name]?.time) }
    }
  }

  private struct Applied {
    let checksum: String
    let time: Date
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
    let applied = try check(appliedMigrations(db))
    guard let next = migrations.first(where: { applied[$0.name] == nil }) else { return nil }
    try run(next.up, of: next, in: db) { db in
      try db.execute(
        sql: "INSERT INTO schema_migrations (name, checksum, applied_at) VALUES (?, ?, ?)",
        arguments: [next.name, next.checksum, Date.now.microseconds])
    }
    return next.name
  }

  private func revertLast(_ db: Database) throws(MigrationFailure) -> String? {
    let applied = try check(appliedMigrations(db))
    guard let last = migrations.last(where: { applied[$0.name] != nil }) else { return nil }
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

  private func appliedMigrations(_ db: Database) throws(MigrationFailure) -> [String: Applied] {
    do {
      var applied: [String: Applied] = [:]
      for row in try Row.fetchAll(db, sql: "SELECT name, checksum, applied_at FROM schema_migrations") {
        applied[try row.value("name")] = Applied(
          checksum: try row.value("checksum"), time: try row.time("applied_at"))
      }
      return applied
    } catch {
      throw .unavailable(Self.reason(error))
    }
  }

  /// Refuses a database that these files did not make.
  private func check(_ applied: [String: Applied]) throws(MigrationFailure) -> [String: Applied] {
    let known = Dictionary(uniqueKeysWithValues: migrations.map { ($0.name, $0) })
    for name in applied.keys.sorted() {
      guard let migration = known[name] else {
        throw (migrations.last.map { $0.name < name } ?? true) ? .newerDatabase(name) : .missing(name)
      }
      guard migration.checksum == applied[name]?.checksum else { throw .changed(name) }
    }
    if let last = applied.keys.max(),
      let skipped = migrations.first(where: { $0.name < last && applied[$0.name] == nil })
    {
      throw .outOfOrder(skipped.name)
    }
    return applied
  }

  private static func reason(_ error: any Error) -> String {
    (error as? DatabaseError)?.message ?? String(describing: error)
  }
}
