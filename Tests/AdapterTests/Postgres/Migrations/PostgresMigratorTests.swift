import Foundation
import PostgresStorage
import PostgresTesting
import SchemaMigrations
import Testing

@Suite("PostgreSQL: migrations", .needsPostgres)
struct PostgresMigratorTests {
  private typealias Files = [(path: String, data: Data)]

  private static func files(_ texts: [String: (up: String, down: String)]) -> Files {
    texts.flatMap { name, text in
      [("m/\(name).up.sql", Data(text.up.utf8)), ("m/\(name).down.sql", Data(text.down.utf8))]
    }
  }

  private static let first = "20260101000000_first"
  private static let second = "20260102000000_second"
  private static let pair = files([
    first: ("CREATE TABLE a (x int); CREATE INDEX ax ON a (x);", "DROP TABLE a;"),
    second: ("CREATE TABLE b (y int); INSERT INTO b VALUES (1);", "DROP TABLE b;"),
  ])

  /// The tables that the migrations made.
  private static func tables(_ url: String) async throws -> [String] {
    try await PostgresTestServer.execute(
      """
      SELECT relname FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations' ORDER BY 1
      """, at: url
    ).compactMap { $0[0] }
  }

  @Test("each migration is applied once, in order, and its time is kept")
  func order() async throws {
    try await withEmptyDatabase { url in
      let migrator = try PostgresMigrator(url: url, files: Self.pair.reversed())
      let before = Date.now.addingTimeInterval(-60)
      #expect(try await migrator.status().map(\.appliedAt) == [nil, nil])
      #expect(try await migrator.up() == [Self.first, Self.second])
      #expect(try await migrator.up().isEmpty)
      let times = try await migrator.status().compactMap(\.appliedAt)
      #expect(times.count == 2 && times.allSatisfy { $0 > before && $0 < .now.addingTimeInterval(60) })
      #expect(try await migrator.down(steps: 1) == [Self.second])
      #expect(try await migrator.status().map { $0.appliedAt == nil } == [false, true])
      #expect(try await migrator.down(steps: 9) == [Self.first])
      #expect(try await migrator.down(steps: 1).isEmpty)
      #expect(try await Self.tables(url).isEmpty)
    }
  }

  @Test("status changes nothing, not even in an empty database")
  func status() async throws {
    try await withEmptyDatabase { url in
      let migrator = try PostgresMigrator(url: url, files: Self.pair)
      _ = try await migrator.status()
      let rows = try await PostgresTestServer.execute("SELECT to_regclass('public.schema_migrations')", at: url)
      #expect(rows == [[nil]])
    }
  }

  @Test("ten replicas that start at once apply each migration once")
  func concurrentStart() async throws {
    try await withEmptyDatabase { url in
      let applied = try await withThrowingTaskGroup(of: [String].self) { group in
        for _ in 0..<10 {
          group.addTask { try await PostgresMigrator(url: url).up() }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(applied.sorted() == (try await PostgresMigrator(url: url).status()).map(\.name))
      #expect(!applied.isEmpty)
    }
  }

  @Test("a file that was changed after it was applied stops everything")
  func changed() async throws {
    try await withEmptyDatabase { url in
      try await PostgresMigrator(url: url, files: Self.pair).up()
      let changed = Self.pair.map { file in
        file.path.hasSuffix("first.up.sql") ? (path: file.path, data: file.data + Data(" ".utf8)) : file
      }
      let migrator = try PostgresMigrator(url: url, files: changed)
      let failure = PostgresStartFailure.migration(.changed(Self.first))
      await #expect(throws: failure) { try await migrator.up() }
      await #expect(throws: failure) { try await migrator.down(steps: 1) }
      await #expect(throws: failure) { try await migrator.status() }
      #expect(try await Self.tables(url) == ["a", "b"])
    }
  }

  @Test("a database that is newer than the binary, or lacks a file, stops the start")
  func unknownMigrations() async throws {
    try await withEmptyDatabase { url in
      try await PostgresMigrator(url: url, files: Self.pair).up()
      let older = try PostgresMigrator(url: url, files: Self.pair.filter { $0.path.contains("first") })
      await #expect(throws: PostgresStartFailure.migration(.newerDatabase(Self.second))) { try await older.up() }
      let lacking = try PostgresMigrator(url: url, files: Self.pair.filter { $0.path.contains("second") })
      await #expect(throws: PostgresStartFailure.migration(.missing(Self.first))) { try await lacking.up() }
      let inserted = Self.files(["20260101120000_between": ("SELECT 1;", "SELECT 1;")])
      let disordered = try PostgresMigrator(url: url, files: Self.pair + inserted)
      await #expect(throws: PostgresStartFailure.migration(.outOfOrder("20260101120000_between"))) {
        try await disordered.up()
      }
    }
  }

  @Test(
    "a migration that fails half-way leaves nothing of itself, and says why",
    arguments: [
      ("CREATE TABLE c (z int); CREATE TABLE a (x int);", "already exists"),
      ("CREATE TABLE c (z int CHECK (z > 1)); INSERT INTO c VALUES (0);", "23514"),
      ("CREATE TABLE c (z int); not SQL", "42601"),
    ])
  func failing(_ sql: String, reason: String) async throws {
    try await withEmptyDatabase { url in
      let name = "20260103000000_bad"
      let migrator = try PostgresMigrator(url: url, files: Self.pair + Self.files([name: (sql, "DROP TABLE c;")]))
      await #expect {
        try await migrator.up()
      } throws: { error in
        guard case .migration(.failed(name, let text)) = error as? PostgresStartFailure else { return false }
        return text.contains(reason)
      }
      #expect(try await migrator.status().map { $0.appliedAt == nil } == [false, false, true])
      #expect(try await Self.tables(url) == ["a", "b"])
    }
  }

  @Test("a migration that waits for another's lock goes on when that ends, whatever time limit the login has")
  func patience() async throws {
    try await withEmptyDatabase { url in
      let database = try PostgresTestServer.databaseName(in: url)
      try await PostgresTestServer.execute("ALTER DATABASE \(database) SET statement_timeout = '100ms'", at: url)
      let slow = Self.files(["20260103000000_slow": ("SELECT pg_sleep(0.5);", "SELECT 1;")])
      async let one = PostgresMigrator(url: url, files: Self.pair + slow).up()
      async let other = PostgresMigrator(url: url, files: Self.pair + slow).up()
      #expect(try await (one + other).count == 3)
    }
  }

  @Test("databases of one server that are migrated at once do not hinder each other over the roles they share")
  func sharedRoles() async throws {
    try await withThrowingTaskGroup { group in
      for _ in 0..<4 {
        group.addTask {
          try await withEmptyDatabase { url in
            let names = try await PostgresMigrator(url: url).up()
            #expect(!names.isEmpty)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("the standard organisation is there from the start")
  func standardOrganization() async throws {
    try await withMigratedDatabase { url in
      let rows = try await PostgresTestServer.execute("SELECT id, name FROM organizations", at: url)
      #expect(rows == [["00000000-0000-7000-8000-000000000001", "Default"]])
    }
  }

  @Test("files that are no pair are refused before anything is connected")
  func malformed() {
    #expect(throws: PostgresStartFailure.migration(.malformed("20260101000000_a"))) {
      try PostgresMigrator(url: "postgresql://nowhere.invalid/x", files: [("m/20260101000000_a.up.sql", Data())])
    }
  }
}
