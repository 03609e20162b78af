import Application
import Domain
import Foundation
import PostgresTesting
import Testing

@testable import PostgresStorage

@Suite("Statements and their errors", .needsPostgres)
struct StatementTests {
  @Test(
    "nothing of a parameter is ever read as SQL",
    arguments: ["'; DROP TABLE t; --", "$1", "\\'; SELECT 1", "/*", "\"", "$$", "%s", "' OR '1'='1"]
  )
  func parameters(text: String) async throws {
    try await withTestedDatabase { tested in
      try await tested.admin("CREATE TABLE t (v text); GRANT ALL ON t TO opentier_app")
      try await tested.database.write(in: nil) { transaction in
        try await transaction.execute("INSERT INTO t VALUES (\(text))")
        let found = try await transaction.first("SELECT v FROM t WHERE v = \(text)")
        #expect(try found?.value("v", as: String.self) == text)
      }
    }
  }

  @Test("each error of the server becomes its failure, and the connection stays usable")
  func failures() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 1 }) { tested in
      let setUp = """
        CREATE TABLE parent (id int CONSTRAINT users_live_email PRIMARY KEY);
        CREATE TABLE child (id int REFERENCES parent, v text NOT NULL, CHECK (v <> ''));
        CREATE TABLE secret (id int); INSERT INTO parent VALUES (1);
        GRANT ALL ON parent, child TO opentier_app
        """
      try await tested.admin(setUp)
      let cases: [(SQL, StorageFailure)] = [
        ("INSERT INTO parent VALUES (1)", .conflict("email")), ("INSERT INTO child VALUES (9, 'x')", .notFound),
        ("INSERT INTO child VALUES (1, NULL)", .corrupt("a value does not fit the schema (code 23502)")),
        ("INSERT INTO child VALUES (1, '')", .corrupt("a value does not fit the schema (code 23514)")),
        ("SELECT \("a\0b")", .corrupt("a text holds a character that the database cannot store (U+0000)")),
        (
          "SELECT \(JSONB(text: "\"\\u0000\""))",
          .corrupt("a text holds a character that the database cannot store (U+0000)")
        ),
        ("SELECT * FROM missing", .unavailable("the database schema is not up to date; run opentier migrate up")),
        ("SELECT * FROM secret", Self.missingPrivilege),
        ("SELEC 1", .corrupt("the database refused a statement (code 42601)")),
      ]
      for (sql, expected) in cases {
        #expect(await failure { _ = try await tested.database.query(in: nil, sql) } as? StorageFailure == expected)
        let written = await failure { try await tested.database.write(in: nil) { _ = try await $0.rows(sql) } }
        #expect(written as? StorageFailure == expected)
        do throws(LeaseFailure) {
          try await tested.database.writeUnderLease(in: nil) { _ = try await $0.rows(sql) }
          Issue.record("nothing was thrown")
        } catch {
          #expect(error == .storage(expected))
        }
      }
      #expect(try await tested.database.query(in: nil, "SELECT 1 AS v")[0].value("v", as: Int.self) == 1)
      #expect(tested.events.all.count { if case .connected = $0 { true } else { false } } == 1)
    }
  }

  private static let missingPrivilege = StorageFailure.unavailable(
    "the database user lacks a privilege; run opentier migrate up, which grants the role it needs"
  )

  @Test("a statement beyond its time-out is ended, and says so")
  func timeout() async throws {
    try await withTestedDatabase({ $0.statementTimeout = 0.1 }) { tested in
      let error = await failure { _ = try await tested.database.query(in: nil, "SELECT pg_sleep(30)") }
      guard case .unavailable(let words) = error as? StorageFailure else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(words.contains("took longer"))
      // A call may take its time where it says so.
      _ = try await tested.database.query(in: nil, statementTimeout: 10, "SELECT pg_sleep(0.3)")
      #expect(
        try await tested.database.query(in: nil, "SHOW statement_timeout")[0].value(
          "statement_timeout", as: String.self) == "100ms")
    }
  }

  @Test("after an error in the middle of what was sent together the rest is left out and the next statement runs")
  func draining() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 1 }) { tested in
      try await tested.admin("CREATE TABLE t (v int); GRANT ALL ON t TO opentier_app")
      for position in 0..<4 {
        let statements: [SQL] = (0..<4).map { $0 == position ? "SELECT 1 / \(0)" : "INSERT INTO t VALUES (\($0))" }
        let error = await failure { try await tested.database.write(in: nil) { _ = try await $0.execute(statements) } }
        #expect(error as? StorageFailure == .corrupt("a value does not fit the schema (code 22012)"))
      }
      #expect(try await tested.admin("SELECT count(*) FROM t") == [["0"]])
      let counts = try await tested.database.write(in: nil) { transaction in
        try await transaction.execute((0..<500).map { "INSERT INTO t VALUES (\($0)), (\($0))" })
      }
      #expect(counts == Array(repeating: 2, count: 500))
      #expect(try await tested.admin("SELECT count(*) FROM t") == [["1000"]])
    }
  }

  @Test("statements of one transaction that run at the same time take turns")
  func turns() async throws {
    try await withTestedDatabase { tested in
      let sum = try await tested.database.read(in: nil) { transaction in
        try await withThrowingTaskGroup(of: Int.self) { group in
          for number in 0..<200 {
            group.addTask { try await transaction.rows("SELECT \(number) AS v")[0].value("v", as: Int.self) }
          }
          return try await group.reduce(0, +)
        }
      }
      #expect(sum == 199 * 100)
    }
  }

  @Test("more parameters than the protocol takes are refused before anything is sent")
  func tooMany() async throws {
    try await withTestedDatabase { tested in
      let values = { (count: Int) -> SQL in (0..<count).map { "\($0)" as SQL }.joined(separator: ", ") }
      let most = try await tested.database.query(in: nil, "SELECT cardinality(ARRAY[\(values(65535))]) AS n")
      #expect(try most[0].value("n", as: Int.self) == 65535)
      let error = await failure { _ = try await tested.database.query(in: nil, "SELECT ARRAY[\(values(65536))]") }
      #expect(error as? StorageFailure == .corrupt("a value is larger than the database takes (1 GB)"))
      try await tested.database.check()
    }
  }

  @Test("COPY, for which there is no support, ends the connection and not the process")
  func copy() async throws {
    try await withTestedDatabase { tested in
      let connection = try await PostgresConnection.connect(PostgresConfiguration(url: tested.url))
      #expect(await failure { try await connection.script("COPY (SELECT 1) TO STDOUT") } != nil)
      #expect(!connection.isUsable)
      #expect(await failure { _ = try await tested.database.query(in: nil, "COPY (SELECT 1) TO STDOUT") } != nil)
      try await tested.database.check()
    }
  }

  @Test("a script runs any number of statements as one transaction, and the connection goes on")
  func scripts() async throws {
    try await withTestedDatabase { tested in
      let connection = try await PostgresConnection.connect(PostgresConfiguration(url: tested.url))
      try await connection.script("CREATE TABLE a (v int); INSERT INTO a VALUES (1); SELECT * FROM a;")
      #expect(try await connection.first("SELECT count(*) AS n FROM a")?.value("n", as: Int.self) == 1)
      let error = await failure { try await connection.script("INSERT INTO a VALUES (2); SELECT 1/0; SELECT 3") }
      #expect((error as? PostgresError)?.sqlState == "22012")
      #expect(await failure { try await connection.script("SELECT 1\0; DROP TABLE a") } != nil)
      try await connection.script("")
      #expect(try await connection.first("SELECT count(*) AS n FROM a")?.value("n", as: Int.self) == 1)
      await connection.close()
      #expect(await failure { try await connection.script("SELECT 1") } != nil)
    }
  }

  @Test("what the server says beside an answer goes to the diagnostics")
  func notices() async throws {
    try await withTestedDatabase { tested in
      _ = try await tested.database.query(in: nil, "SELECT set_config('client_min_messages', 'notice', false)")
      try await tested.database.write(in: nil) { transaction in
        try await transaction.execute("DO $$ BEGIN RAISE WARNING 'careful'; END $$")
      }
      let notice = PostgresEvent.notice(severity: "WARNING", sqlState: "01000", message: "careful")
      #expect(tested.events.all.contains(notice))
    }
  }
}
