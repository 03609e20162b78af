import Application
import Domain
import Foundation
import PostgresTesting
import Testing

@testable import PostgresStorage

@Suite("Connections that end", .needsPostgres)
struct ConnectionLossTests {
  @Test("idle connections that the server has ended are replaced, and no call notices", arguments: [1, 10])
  func idle(count: Int) async throws {
    try await withTestedDatabase({ $0.maximumConnections = count }) { tested in
      try await tested.admin("CREATE TABLE t (v int); GRANT ALL ON t TO opentier_app")
      for round in 0..<3 {
        var held: [PostgresConnection] = []
        for _ in 0..<count { held.append(try await tested.pool.checkOut()) }
        for connection in held { tested.pool.checkIn(connection) }
        try await tested.terminateOthers()
        try await withThrowingTaskGroup { group in
          for _ in 0..<(3 * count) {
            group.addTask { _ = try await tested.database.query(in: nil, "INSERT INTO t VALUES (\(round))") }
            group.addTask {
              try await tested.database.write(in: nil) { _ = try await $0.execute("INSERT INTO t VALUES (1)") }
            }
            group.addTask { try await tested.database.read(in: nil) { _ = try await $0.rows("SELECT * FROM t") } }
          }
          try await group.waitForAll()
        }
      }
      #expect(try await tested.admin("SELECT count(*) FROM t") == [[String(18 * count)]])
    }
  }

  @Test("a transaction whose connection ends in its middle is run again from its start, and writes once")
  func inTheMiddle() async throws {
    try await withTestedDatabase { tested in
      try await tested.admin("CREATE TABLE t (v int); GRANT ALL ON t TO opentier_app")
      let runs = Counter()
      let body = { @Sendable (transaction: PostgresTransaction) async throws in
        _ = try await transaction.execute(
          "INSERT INTO t SELECT 1 WHERE current_setting('transaction_read_only') = 'off'")
        if runs.add() == 1 { try await tested.terminateOthers() }
        _ = try await transaction.rows("SELECT 1")
      }
      try await tested.database.write(in: nil, body)
      #expect(runs.now == 2)
      #expect(try await tested.admin("SELECT count(*) FROM t") == [["1"]])
      // It may turn out while a statement is answered or before the next is sent.
      let retried = PostgresEvent.retrying(reason: "the connection ended", attempt: 2)
      #expect(tested.events.all.contains(retried))
    }
  }

  @Test("a transaction whose connection ends each time fails after its attempts, and says that nothing was written")
  func everyTime() async throws {
    try await withTestedDatabase { tested in
      try await tested.admin("CREATE TABLE t (v int); GRANT ALL ON t TO opentier_app")
      let error = await failure {
        try await tested.database.write(in: nil) { transaction in
          try await transaction.execute("INSERT INTO t VALUES (1)")
          try await tested.terminateOthers()
          _ = try await transaction.rows("SELECT 1")
        }
      }
      guard case .unavailable(let words) = error as? StorageFailure else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(words.contains("nothing was written"))
      #expect(try await tested.admin("SELECT count(*) FROM t") == [["0"]])
    }
  }

  @Test("a connection that ended while the body did other things is noticed before COMMIT is sent")
  func beforeCommit() async throws {
    try await withTestedDatabase { tested in
      try await tested.admin("CREATE TABLE t (v int); GRANT ALL ON t TO opentier_app")
      let runs = Counter()
      try await tested.database.write(in: nil) { transaction in
        try await transaction.execute("INSERT INTO t VALUES (1)")
        if runs.add() == 1 {
          try await tested.terminateOthers()
          #expect(try await tested.isLeft())
        }
      }
      #expect(try await tested.admin("SELECT count(*) FROM t") == [["1"]])
    }
  }

  @Test(
    "a statement that runs when its connection ends: run again where it cannot write, else nobody knows and is told")
  func inFlight() async throws {
    try await withTestedDatabase { tested in
      let database = tested.database
      for readOnly in [true, false] {
        let task = Task {
          await failure { _ = try await database.query(in: nil, readOnly: readOnly, "SELECT pg_sleep(0.5), 1 AS v") }
        }
        #expect(try await tested.hasSleeping())
        try await tested.terminateOthers()
        // The server says that it ends the connection before it has done the statement, so nothing was written.
        #expect(await task.value == nil)
      }
    }
  }

  @Test("a COMMIT whose answer is lost is told as unknown")
  func commit() async throws {
    try await withTestedDatabase { tested in
      // The commit waits in a deferred trigger, and the server is ended without a word to its clients.
      try await tested.admin(
        """
        CREATE TABLE t (v int); GRANT ALL ON t TO opentier_app;
        CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
          FOR EACH ROW EXECUTE FUNCTION wait()
        """)
      for body in [
        { try await tested.database.write(in: nil) { _ = try await $0.execute("INSERT INTO t VALUES (1)") } },
        { _ = try await tested.database.query(in: nil, "INSERT INTO t VALUES (1)") },
      ] as [@Sendable () async throws -> Void] {
        let task = Task { await failure(of: body) }
        let waiting =
          "EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')"
        #expect(try await tested.eventually(waiting))
        try await tested.terminateOthers()
        #expect(await task.value as? StorageFailure == StorageFailure(PostgresConnectionFailure.outcomeUnknown))
        #expect(try await tested.eventually("NOT (\(waiting))"))
      }
    }
  }

  @Test("a transaction that is idle for too long is ended by the server, and told")
  func idleInTransaction() async throws {
    try await withTestedDatabase({ $0.idleInTransactionTimeout = 0.1 }) { tested in
      let error = await failure {
        try await tested.database.write(in: nil) { transaction in
          _ = try await transaction.rows("SELECT 1")
          try await Task.sleep(for: .milliseconds(300))
          _ = try await transaction.rows("SELECT 1")
        }
      }
      guard case .unavailable = error as? StorageFailure else {
        Issue.record("\(String(describing: error))")
        return
      }
      try await tested.database.check()
    }
  }

  @Test("a server that says nothing any more is given up")
  func silence() async throws {
    try await withTestedDatabase { tested in
      let connection = try await PostgresConnection.connect(PostgresConfiguration(url: tested.url))
      let start = ContinuousClock.now
      let statement = Statement("SELECT pg_sleep(60)")
      let error = await connection.perform(.statements([statement]), silenceLimit: 0.3).error
      #expect(error as? PostgresConnectionFailure == .lost(.afterSending))
      #expect(ContinuousClock.now - start < .seconds(5))
      #expect(!connection.isUsable)
      #expect(await failure { _ = try await connection.rows("SELECT 1") } != nil)
    }
  }
}
