import Application
import Domain
import Foundation
import PostgresTesting
import Testing

@testable import PostgresStorage

@Suite("Transactions of the application", .needsPostgres)
struct TransactionTests {
  private static let settings: SQL = """
    SELECT current_user::text AS role, current_setting('app.organization_id') AS organization,
      current_setting('statement_timeout') AS statement, current_setting('idle_in_transaction_session_timeout') AS idle,
      current_setting('transaction_read_only') AS read_only, current_setting('transaction_isolation') AS isolation,
      current_setting('app.extra', true) AS extra
    """

  private static func check(_ row: PostgresRow?, _ organization: OrganizationID?, isReadOnly: Bool) throws {
    let row = try #require(row)
    #expect(try row.value("role", as: String.self) == "opentier_app")
    #expect(try row.value("organization", as: String.self) == organization?.description ?? "")
    #expect(try row.value("statement", as: String.self) == "30s")
    #expect(try row.value("idle", as: String.self) == "30s")
    #expect(try row.value("read_only", as: String.self) == (isReadOnly ? "on" : "off"))
    #expect(try row.value("extra", as: String.self) == "'x' $1")
  }

  @Test("each begins with the role, the tenant and the time-outs, and nothing of them stays on the connection")
  func settings() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 1 }) { tested in
      let database = tested.database
      let extra = [(name: "app.extra", value: "'x' $1")]
      for organization in [someOrganization, nil] {
        try await database.read(in: organization, settings: extra) { transaction in
          let row = try await transaction.first(Self.settings)
          try Self.check(row, organization, isReadOnly: true)
          #expect(try row?.value("isolation", as: String.self) == "repeatable read")
        }
        try await database.write(in: organization, settings: extra) { transaction in
          let row = try await transaction.first(Self.settings)
          try Self.check(row, organization, isReadOnly: false)
          #expect(try row?.value("isolation", as: String.self) == "read committed")
        }
        let queried = try await database.query(in: organization, settings: extra, Self.settings)
        try Self.check(queried.first, organization, isReadOnly: false)
        let readOnly = try await database.query(in: organization, readOnly: true, settings: extra, Self.settings)
        try Self.check(readOnly.first, organization, isReadOnly: true)

        let left = try await tested.pool.withConnection { try await $0.rows(Self.settings)[0] }
        #expect(try left.value("role", as: String.self) == "postgres")
        #expect(try left.value("organization", as: String.self) == "")
        #expect(try left.value("statement", as: String.self) == "0")
        #expect(try left.value("idle", as: String.self) == "0")
        #expect(try left.value("read_only", as: String.self) == "off")
        #expect(try left.optional("extra", as: String.self) ?? "" == "")
      }
      #expect(tested.pool.usage == PoolUsage(idle: 1, lent: 0, connecting: 0, waiting: 0))
    }
  }

  @Test("a body that throws rolls back, and its own failure passes through")
  func ownFailures() async throws {
    try await withTestedDatabase { tested in
      try await tested.admin("CREATE TABLE t (v int); GRANT ALL ON t TO opentier_app")
      let database = tested.database
      let thrown = await failure {
        try await database.write(in: nil) { transaction in
          try await transaction.execute("INSERT INTO t VALUES (1)")
          throw StorageFailure.conflict("state")
        }
      }
      #expect(thrown as? StorageFailure == .conflict("state"))
      do throws(LeaseFailure) {
        try await database.writeUnderLease(in: nil) { transaction in
          try await transaction.execute("INSERT INTO t VALUES (1)")
          throw LeaseFailure.lost
        }
      } catch {
        #expect(error == .lost)
      }
      #expect(try await tested.admin("SELECT count(*) FROM t") == [["0"]])
      let count = try await database.write(in: nil) { try await $0.execute("INSERT INTO t VALUES (1), (2)") }
      #expect(count == 2)
      #expect(try await tested.admin("SELECT count(*) FROM t") == [["2"]])
    }
  }

  @Test("a body that hides a statement's failure commits nothing and is told")
  func hiddenFailure() async throws {
    try await withTestedDatabase { tested in
      try await tested.admin("CREATE TABLE t (v int PRIMARY KEY); GRANT ALL ON t TO opentier_app")
      let thrown = await failure {
        try await tested.database.write(in: nil) { transaction in
          try await transaction.execute("INSERT INTO t VALUES (1)")
          let error = await failure { try await transaction.execute("INSERT INTO t VALUES (1)") }
          #expect((error as? PostgresError)?.sqlState == "23505")
          let next = await failure { try await transaction.execute("INSERT INTO t VALUES (2)") }
          #expect((next as? PostgresError)?.sqlState == "23505")
        }
      }
      #expect(thrown as? StorageFailure == .conflict("id"))
      #expect(try await tested.admin("SELECT count(*) FROM t") == [["0"]])
    }
  }

  @Test("a constraint that is checked at the end fails the transaction, sent in one round trip or in several")
  func deferred() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 1 }) { tested in
      let table = "CREATE TABLE t (v int UNIQUE DEFERRABLE INITIALLY DEFERRED); GRANT ALL ON t TO opentier_app"
      try await tested.admin(table)
      let insert: SQL = "INSERT INTO t VALUES (1), (1)"
      let database = tested.database
      let written = await failure { try await database.write(in: nil) { _ = try await $0.execute(insert) } }
      #expect(written as? StorageFailure == .conflict("id"))
      let queried = await failure { _ = try await database.query(in: nil, insert) }
      #expect(queried as? StorageFailure == .conflict("id"))
      _ = try await database.query(in: nil, "INSERT INTO t VALUES (1)")
      #expect(try await tested.admin("SELECT count(*) FROM t") == [["1"]])
    }
  }

  @Test("a read cannot write and sees one snapshot")
  func reads() async throws {
    try await withTestedDatabase { tested in
      try await tested.admin("CREATE TABLE t (v int); GRANT ALL ON t TO opentier_app")
      let insert: SQL = "INSERT INTO t VALUES (1)"
      for body in [
        { try await tested.database.read(in: nil) { _ = try await $0.execute(insert) } },
        { _ = try await tested.database.query(in: nil, readOnly: true, insert) },
      ] as [() async throws -> Void] {
        guard case .unavailable(let words) = await failure(of: body) as? StorageFailure else {
          Issue.record("it wrote")
          continue
        }
        #expect(words.contains("read-only"))
      }
      try await tested.database.read(in: nil) { transaction in
        let count: SQL = "SELECT count(*) AS n FROM t"
        #expect(try await transaction.first(count)?.value("n", as: Int.self) == 0)
        try await tested.admin("INSERT INTO t VALUES (1)")
        #expect(try await transaction.first(count)?.value("n", as: Int.self) == 0)
      }
    }
  }

  @Test("a transaction that collides with others is run again from its start")
  func deadlock() async throws {
    try await withTestedDatabase { tested in
      try await tested.admin(
        "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 0), (2, 0)"
      )
      try await tested.admin(
        "GRANT ALL ON t TO opentier_app"
      )
      let meeting = Counter()
      let runs = Counter()
      let update = { @Sendable (first: Int, second: Int) async throws in
        try await tested.database.write(in: nil) { transaction in
          runs.add()
          try await transaction.execute("UPDATE t SET v = v + 1 WHERE id = \(first)")
          meeting.add()
          // Both hold their first row before either asks for the other's.
          _ = try await TestedDatabase.eventually { meeting.now >= 2 }
          try await transaction.execute("UPDATE t SET v = v + 1 WHERE id = \(second)")
        }
      }
      async let one: Void = update(1, 2)
      async let two: Void = update(2, 1)
      _ = try await (one, two)
      #expect(runs.now >= 3)
      #expect(try await tested.admin("SELECT sum(v) FROM t") == [["4"]])
      #expect(tested.events.all.contains(.retrying(reason: "SQLSTATE 40P01", attempt: 2)))
    }
  }

  @Test("a transaction that always collides fails after its attempts, as one to try again")
  func alwaysColliding() async throws {
    try await withTestedDatabase { tested in
      let runs = Counter()
      let thrown = await failure {
        try await tested.database.write(in: nil) { transaction in
          runs.add()
          try await transaction.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$")
        }
      }
      #expect(runs.now == PostgresDatabase.maximumAttempts)
      guard case .unavailable(let words) = thrown as? StorageFailure else {
        Issue.record("\(String(describing: thrown))")
        return
      }
      #expect(words.contains("try again"))
    }
  }

  @Test("a statement after the end of its transaction is refused and reaches no other transaction")
  func escaped() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 1 }) { tested in
      let escaped = try await tested.database.read(in: someOrganization) { $0 }
      let error = await failure { _ = try await escaped.rows("SELECT 1") }
      #expect(error as? PostgresConnectionFailure == .transactionEnded)
      try await tested.database.write(in: someOrganization) { transaction in
        let error = await failure { _ = try await escaped.rows("SELECT 1") }
        #expect(error as? PostgresConnectionFailure == .transactionEnded)
        _ = try await transaction.rows("SELECT 1")
      }
    }
  }

  @Test("a statement never runs outside of its transaction, even when another statement has ended it")
  func endedFromWithin() async throws {
    try await withTestedDatabase { tested in
      for isLast in [false, true] {
        let thrown = await failure {
          try await tested.database.write(in: someOrganization) { transaction in
            try await transaction.execute("COMMIT")
            if !isLast { _ = try await transaction.rows("SELECT current_user") }
          }
        }
        #expect(thrown as? StorageFailure == .corrupt("the database refused a statement (code 25P01)"))
      }
      try await tested.database.check()
    }
  }

  @Test("a body without a statement needs nothing of the server")
  func empty() async throws {
    try await withTestedDatabase { tested in
      let value = try await tested.database.write(in: nil) { _ in 7 }
      #expect(value == 7)
      let thrown = await failure { try await tested.database.read(in: nil) { _ in throw StorageFailure.notFound } }
      #expect(thrown as? StorageFailure == .notFound)
      #expect(tested.pool.usage.idle == 1)
    }
  }
}
