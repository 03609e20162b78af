import Application
import Domain
import Foundation
import PostgresTesting
import Testing

@testable import PostgresStorage

@Suite("Prepared statements", .needsPostgres)
struct PreparedStatementTests {
  private static func prepared(_ tested: TestedDatabase) async throws -> [String] {
    let sql: SQL = "SELECT coalesce(array_agg(statement), '{}') AS v FROM pg_prepared_statements"
    return try await tested.pool.withConnection { try await $0.rows(sql)[0].value("v", as: [String].self) }
  }

  @Test("a statement is prepared once on a connection and used again, whatever its values")
  func reuse() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 1 }) { tested in
      for number in 0..<20 {
        let value: Int? = number.isMultiple(of: 3) ? nil : number
        let rows = try await tested.database.query(in: nil, "SELECT \(value) AS v")
        #expect(try rows[0].optional("v", as: Int.self) == value)
        try await tested.database.read(in: nil) { transaction in
          for _ in 0..<2 { _ = try await transaction.rows("SELECT \(value) AS v") }
        }
      }
      let prepared = try await Self.prepared(tested)
      #expect(prepared.count { $0 == "SELECT $1 AS v" } == 1)
      #expect(Set(prepared).count == prepared.count)
    }
  }

  @Test("beyond the maximum the statement unused for longest is given back to the server")
  func eviction() async throws {
    try await withTestedDatabase({
      $0.maximumConnections = 1
      $0.maximumPreparedStatements = 4
    }) { tested in
      for round in 0..<3 {
        for number in 0..<10 {
          let sql: SQL = "SELECT \(raw: String(number)) AS v"
          #expect(try await tested.database.query(in: nil, sql)[0].value("v", as: Int.self) == number)
        }
        _ = try await tested.database.query(in: nil, "SELECT 9 AS v")
        let prepared = try await Self.prepared(tested)
        #expect(prepared.count == 4, "round \(round)")
        #expect(prepared.contains("SELECT 8 AS v"))
        #expect(!prepared.contains("SELECT 1 AS v"))
      }
      // More than fit are sent together.
      let many: [SQL] = (0..<20).map { "SELECT \(raw: String($0 % 10))" }
      try await tested.database.write(in: nil) { _ = try await $0.execute(many) }
      try await tested.database.check()
      #expect(try await Self.prepared(tested).count <= 4)
    }
  }

  @Test("evicted statements wait while a transaction has failed, and the connection goes on")
  func evictionAfterError() async throws {
    try await withTestedDatabase({
      $0.maximumConnections = 1
      $0.maximumPreparedStatements = 1
    }) { tested in
      for number in 0..<5 {
        let thrown = await failure {
          try await tested.database.write(in: nil) { transaction in
            try await transaction.execute("SELECT \(raw: String(number))")
            try await transaction.execute("SELECT 1 / \(raw: String(0 * number))")
          }
        }
        #expect(thrown as? StorageFailure == .corrupt("a value does not fit the schema (code 22012)"))
        let rows = try await tested.database.query(in: nil, "SELECT \(number) AS v")
        #expect(rows.count == 1)
      }
    }
  }

  @Test("statements that are gone from the server are prepared anew, and nobody notices")
  func gone() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 1 }) { tested in
      for _ in 0..<3 {
        _ = try await tested.database.query(in: nil, "SELECT \(1)")
        try await tested.pool.withConnection { _ = try await $0.execute("DEALLOCATE ALL") }
        _ = try await tested.database.query(in: nil, "SELECT \(1)")
        try await tested.pool.withConnection { _ = try await $0.execute("DISCARD ALL") }
        try await tested.database.write(in: nil) { _ = try await $0.rows("SELECT \(1)") }
      }
      #expect(tested.events.all.contains { if case .retrying = $0 { true } else { false } })
    }
  }

  @Test("a statement whose columns have changed is prepared anew, and nobody notices")
  func changedColumns() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 1 }) { tested in
      try await tested.admin("CREATE TABLE t (a int); INSERT INTO t VALUES (1); GRANT ALL ON t TO opentier_app")
      let sql: SQL = "SELECT * FROM t"
      for column in ["b", "c", "d"] {
        _ = try await tested.database.query(in: nil, sql)
        try await tested.database.read(in: nil) { _ = try await $0.rows(sql) }
        try await tested.admin("ALTER TABLE t ADD COLUMN \(column) int DEFAULT 7")
        if column == "b" {
          #expect(try await tested.database.query(in: nil, sql)[0].value(column, as: Int.self) == 7)
        } else {
          let value = try await tested.database.write(in: nil) { transaction in
            _ = try await transaction.rows("SELECT 1")
            return try await transaction.rows(sql)[0].value(column, as: Int.self)
          }
          #expect(value == 7)
        }
      }
      #expect(try await Self.prepared(tested).count { $0 == "SELECT * FROM t" } == 1)
    }
  }

  @Test("what is run on a connection directly is not kept prepared")
  func direct() async throws {
    try await withTestedDatabase { tested in
      let connection = try await PostgresConnection.connect(PostgresConfiguration(url: tested.url))
      for number in 0..<3 { _ = try await connection.rows("SELECT \(number)") }
      let count = try await connection.first("SELECT count(*) AS n FROM pg_prepared_statements")
      #expect(try count?.value("n", as: Int.self) == 0)
      #expect(await !connection.isThroughPooler)
      #expect(await connection.serverVersion >= 150_000)
      await connection.close()
    }
  }
}
