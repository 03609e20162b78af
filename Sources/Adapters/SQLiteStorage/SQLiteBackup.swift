import Crypto
import FoundationEssentials
import GRDB
package import StorageBackups

/// Copies of the SQLite file.
package enum SQLiteBackup {
  /// Copies the database of a data directory into a new file, while others may go on writing to it: the copy holds what
  /// one moment held.
  ///
  /// - Returns: what is in the copy.
  /// - Throws: `.unavailable` when the database is not there, is damaged, or the copy cannot be written.
  package static func copy(
    directory: String, to path: String
  ) throws(BackupFailure) -> (tables: [TableDigest], migrations: [String]) {
    let source = directory + "/" + DataDirectory.fileName
    guard FileManager.default.fileExists(atPath: source) else {
      throw .unavailable("there is no database in \(directory)")
    }
    do {
      let database = try DatabaseQueue(path: source, configuration: configuration())
      let copy = try DatabaseQueue(path: path)
      try database.backup(to: copy)
      // A copy is one file: with nothing to replay it is read alike everywhere.
      try copy.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA journal_mode = DELETE") }
      try copy.close()
      try database.close()
    } catch {
      throw .unavailable("the database in \(directory) cannot be copied: \(reason(error))")
    }
    return try contents(of: path)
  }

  /// Puts a copy in the place of a data directory's database, in one transaction: a process that is killed in the middle
  /// leaves what was there before.
  ///
  /// - Parameter replacing: whether a database that is there already is replaced. A server that has it open must be
  ///   started again.
  /// - Throws: `.occupied`, or `.unavailable` when it cannot be written.
  package static func restore(_ path: String, to directory: String, replacing: Bool) throws(BackupFailure) {
    let target = directory + "/" + DataDirectory.fileName
    // What cannot be looked at is not there: nothing to lose.
    let size = (try? FileManager.default.attributesOfItem(atPath: target))?[.size] as? Int
    if !replacing, size ?? 0 > 0 {
      throw .occupied("there is a database in \(directory) already; say --force to replace it")
    }
    do {
      let target = try DataDirectory.prepare(directory)
      let source = try DatabaseQueue(path: path, configuration: configuration())
      let database = try DatabaseQueue(path: target, configuration: configuration())
      try source.backup(to: database)
      try database.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA journal_mode = WAL") }
      try database.close()
      try source.close()
    } catch {
      throw .unavailable("the database in \(directory) cannot be written: \(reason(error))")
    }
  }

  /// What the database of a data directory holds.
  package static func contents(
    ofDirectory directory: String
  ) throws(BackupFailure) -> (tables: [TableDigest], migrations: [String]) {
    try contents(of: directory + "/" + DataDirectory.fileName)
  }

  /// What a database file holds, after SQLite's own check of it.
  package static func contents(of path: String) throws(BackupFailure) -> (tables: [TableDigest], migrations: [String]) {
    do {
      let database = try DatabaseQueue(path: path, configuration: configuration())
      let found = try database.read { db in
        let complaint = try String.fetchOne(db, sql: "PRAGMA integrity_check(1)")
        guard complaint == "ok" else {
          throw BackupFailure.unavailable("\(path) is damaged: \(complaint ?? "unknown")")
        }
        let names = try String.fetchAll(
          db,
          // What a virtual table keeps for itself follows from the other tables.
          sql: """
            SELECT t.name FROM pragma_table_list AS t
            WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
            ORDER BY t.name
            """)
        return (
          tables: try names.map { try digest(of: $0, in: db) },
          migrations: try String.fetchAll(db, sql: "SELECT name FROM schema_migrations ORDER BY name")
        )
      }
      try database.close()
      return found
    } catch let failure as BackupFailure {
      throw failure
    } catch {
      throw .unavailable("\(path) cannot be read: \(reason(error))")
    }
  }

  private static func digest(of table: String, in db: Database) throws -> TableDigest {
    var hashes: [SHA256.Digest] = []
    let rows = try Row.fetchCursor(db, sql: "SELECT * FROM \(table.quotedDatabaseIdentifier)")
    while let row = try rows.next() {
      var hash = SHA256()
      for value in row.databaseValues {
        // Each value with its type and length, so that no two rows are written alike.
        switch value.storage {
        case .null: hash.update(data: [0])
        case .int64(let number): hash.update(data: [1] + number.littleEndianBytes)
        case .double(let number): hash.update(data: [2] + Int64(bitPattern: number.bitPattern).littleEndianBytes)
        case .string(let text):
          hash.update(data: [3] + Int64(text.utf8.count).littleEndianBytes)
          hash.update(data: Array(text.utf8))
        case .blob(let bytes):
          hash.update(data: [4] + Int64(bytes.count).littleEndianBytes)
          hash.update(data: bytes)
        }
      }
      hashes.append(hash.finalize())
    }
    return TableDigest(name: table, rowHashes: hashes)
  }

  private static func configuration() -> Configuration {
    var configuration = Configuration()
    configuration.busyMode = .timeout(SQLiteDatabase.defaultBusyTimeout)
    return configuration
  }

  private static func reason(_ error: any Error) -> String {
    (error as? DatabaseError)?.message ?? String(describing: error)
  }
}

extension Int64 {
  fileprivate var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian, Array.init) }
}
