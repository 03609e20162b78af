import Domain
import Foundation
import GRDB
import SQLiteStorage
import SchemaMigrations
import Testing

@Suite("SQLite: migrations")
struct SQLiteMigratorTests {
  private typealias Files = [(path: String, data: Data)]

  private static func files(_ texts: [String: (up: String, down: String)]) -> Files {
    texts.flatMap { name, text in
      [("m/\(name).up.sql", Data(text.up.utf8)), ("m/\(name).down.sql", Data(text.down.utf8))]
    }
  }

  private static let first = "20260101000000_first"
  private static let second = "20260102000000_second"
  private static let pair = files([
    first: ("CREATE TABLE a (x); CREATE INDEX ax ON a (x);", "DROP TABLE a;"),
    second: ("CREATE TABLE b (y); INSERT INTO b VALUES (1);", "DROP TABLE b;"),
  ])

  /// Everything that the schema is made of, but for what the migrator itself and SQLite keep.
  private static func schema(_ path: String) throws -> [String] {
    let queue = try DatabaseQueue(path: path)
    return try queue.read { db in
      try String.fetchAll(
        db,
        sql: """
          SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_master
          WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE '%schema_migrations%' ORDER BY 1
          """)
    }
  }

  @Test("the binary's migrations go up, down and up again to the same schema")
  func roundTrip() async throws {
    try await withTemporaryFolder { folder in
      let path = folder + "/test.db"
      let migrator = try SQLiteMigrator(path: path)
      let names = try migrator.status().map(\.name)
      #expect(!names.isEmpty)
      #expect(try migrator.up() == names)
      let schema = try Self.schema(path)
      #expect(schema.contains { $0.hasPrefix("table users") })
      #expect(try migrator.down(steps: names.count) == names.reversed())
      #expect(try Self.schema(path).isEmpty)
      #expect(try migrator.up() == names)
      #expect(try Self.schema(path) == schema)
    }
  }

  @Test("the standard organisation is there from the start")
  func standardOrganization() async throws {
    try await withTemporaryFolder { folder in
      let path = folder + "/test.db"
      try SQLiteMigrator(path: path).up()
      let queue = try DatabaseQueue(path: path)
      let row = try queue.read { db in try Row.fetchOne(db, sql: "SELECT * FROM organizations") }
      #expect(row?["id"] == Organization.standard.id.uuid)
      #expect(row?["name"] == Organization.standard.name)
    }
  }

  @Test("each migration is applied once, in order, and its time is kept")
  func order() async throws {
    try await withTemporaryFolder { folder in
      let migrator = try SQLiteMigrator(path: folder + "/test.db", files: Self.pair.reversed())
      #expect(try migrator.status().map(\.appliedAt) == [nil, nil])
      #expect(try migrator.up() == [Self.first, Self.second])
      #expect(try migrator.up().isEmpty)
      #expect(try migrator.status().allSatisfy { $0.appliedAt != nil })
      #expect(try migrator.down(steps: 1) == [Self.second])
      #expect(try migrator.status().map { $0.appliedAt == nil } == [false, true])
      #expect(try migrator.down(steps: 9) == [Self.first])
      #expect(try migrator.down(steps: 1).isEmpty)
    }
  }

  @Test("many who start at once apply each migration once")
  func concurrentStart() async throws {
    try await withTemporaryFolder { folder in
      let applied = try await withThrowingTaskGroup(of: [String].self) { group in
        for _ in 0..<6 {
          group.addTask { try SQLiteMigrator(path: folder + "/test.db", busyTimeout: 30, files: Self.pair).up() }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(applied.sorted() == [Self.first, Self.second])
    }
  }

  @Test("a file that was changed after it was applied stops everything")
  func changed() async throws {
    try await withTemporaryFolder { folder in
      let path = folder + "/test.db"
      try SQLiteMigrator(path: path, files: Self.pair).up()
      let changed = Self.pair.map { file in
        file.path.hasSuffix("first.up.sql") ? (path: file.path, data: file.data + Data(" ".utf8)) : file
      }
      let migrator = try SQLiteMigrator(path: path, files: changed)
      #expect(throws: MigrationFailure.changed(Self.first)) { try migrator.up() }
      #expect(throws: MigrationFailure.changed(Self.first)) { try migrator.down(steps: 1) }
      #expect(throws: MigrationFailure.changed(Self.first)) { try migrator.status() }
      #expect(try Self.schema(path).count == 3)
    }
  }

  @Test("a database that is newer than the binary, or lacks a file, stops the start")
  func unknownMigrations() async throws {
    try await withTemporaryFolder { folder in
      let path = folder + "/test.db"
      try SQLiteMigrator(path: path, files: Self.pair).up()
      let older = try SQLiteMigrator(path: path, files: Self.pair.filter { $0.path.contains("first") })
      #expect(throws: MigrationFailure.newerDatabase(Self.second)) { try older.up() }
      let lacking = try SQLiteMigrator(path: path, files: Self.pair.filter { $0.path.contains("second") })
      #expect(throws: MigrationFailure.missing(Self.first)) { try lacking.up() }
      let inserted = Self.files(["20260101120000_between": ("SELECT 1;", "SELECT 1;")])
      let disordered = try SQLiteMigrator(path: path, files: Self.pair + inserted)
      #expect(throws: MigrationFailure.outOfOrder("20260101120000_between")) { try disordered.up() }
      #expect("\(MigrationFailure.newerDatabase(Self.second))".contains("newer than this binary"))
    }
  }

  @Test(
    "a migration that fails half-way leaves nothing of itself",
    arguments: [
      "CREATE TABLE c (z); CREATE TABLE a (x);",
      "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p (id)); INSERT INTO c VALUES (7);",
      "CREATE TABLE c (z); not SQL",
    ])
  func failing(_ sql: String) async throws {
    try await withTemporaryFolder { folder in
      let path = folder + "/test.db"
      let name = "20260103000000_bad"
      let migrator = try SQLiteMigrator(path: path, files: Self.pair + Self.files([name: (sql, "DROP TABLE c;")]))
      #expect {
        try migrator.up()
      } throws: { error in
        if case .failed(name, let reason) = error as? MigrationFailure { !reason.isEmpty } else { false }
      }
      #expect(try migrator.status().map { $0.appliedAt == nil } == [false, false, true])
      #expect(try Self.schema(path).map { $0.prefix { $0 != ":" } } == ["index ax", "table a", "table b"])
    }
  }

  @Test(
    "files that are no pair or have another name are refused",
    arguments: [
      "x.up.sql", "2026_a.up.sql", "20260101000000_.up.sql", "20260101000000_a.sql", "20260101000000_a.up.sql",
    ])
  func malformed(_ name: String) async throws {
    #expect {
      try SQLiteMigrator(path: "unused", files: [(path: "m/" + name, data: Data())])
    } throws: { error in
      if case .malformed = error as? MigrationFailure { true } else { false }
    }
  }

  @Test("a file that is no database is reported as such")
  func noDatabase() async throws {
    try await withTemporaryFolder { folder in
      let path = folder + "/test.db"
      try Data(repeating: 65, count: 5_000).write(to: URL(filePath: path))
      #expect {
        try SQLiteMigrator(path: path).up()
      } throws: { error in
        if case .unavailable = error as? MigrationFailure { true } else { false }
      }
    }
  }
}
