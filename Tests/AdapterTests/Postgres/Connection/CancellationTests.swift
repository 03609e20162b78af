import Application
import Foundation
import PostgresTesting
import Testing

@testable import PostgresStorage

@Suite("Cancelling what runs in the database", .needsPostgres)
struct CancellationTests {
  private static let idle = """
    SELECT count(*) = 0 FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
    """

  @Test("a statement in flight is ended on the server, its transaction rolled back, and the connection stays usable")
  func inFlight() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 1 }) { tested in
      try await tested.admin("CREATE TABLE t (v int); GRANT ALL ON t TO opentier_app")
      let database = tested.database
      let bodies: [@Sendable () async throws -> Void] = [
        { _ = try await database.query(in: nil, "SELECT pg_sleep(60)") },
        {
          try await database.write(in: nil) { transaction in
            try await transaction.execute("INSERT INTO t VALUES (1)")
            _ = try await transaction.rows("SELECT pg_sleep(60)")
          }
        },
        { try await database.read(in: nil) { _ = try await $0.rows("SELECT pg_sleep(60)") } },
      ]
      for body in bodies {
        let task = Task { await failure(of: body) }
        #expect(try await tested.hasSleeping())
        let start = ContinuousClock.now
        task.cancel()
        #expect(await task.value as? StorageFailure == .cancelled)
        #expect(ContinuousClock.now - start < .seconds(2))
        #expect(try await tested.eventually(Self.idle))
        try await database.check()
      }
      #expect(try await tested.admin("SELECT count(*) FROM t") == [["0"]])
      #expect(tested.events.all.count { if case .connected = $0 { true } else { false } } == 1)
    }
  }

  @Test("a task that was cancelled before writes nothing")
  func before() async throws {
    try await withTestedDatabase { tested in
      try await tested.admin("CREATE TABLE t (v int); GRANT ALL ON t TO opentier_app")
      let database = tested.database
      let bodies: [@Sendable () async throws -> Void] = [
        { _ = try await database.query(in: nil, "INSERT INTO t VALUES (1)") },
        { try await database.write(in: nil) { _ = try await $0.execute("INSERT INTO t VALUES (1)") } },
        { try await database.write(in: nil) { _ in } },
        { try await database.check() },
      ]
      for body in bodies {
        let task = Task {
          withUnsafeCurrentTask { $0?.cancel() }
          return await failure(of: body)
        }
        #expect(await task.value as? StorageFailure == .cancelled)
      }
      #expect(try await tested.admin("SELECT count(*) FROM t") == [["0"]])
    }
  }

  @Test("a transaction whose task is cancelled between its statements writes nothing")
  func between() async throws {
    try await withTestedDatabase { tested in
      try await tested.admin("CREATE TABLE t (v int); GRANT ALL ON t TO opentier_app")
      let task = Task {
        await failure {
          try await tested.database.write(in: nil) { transaction in
            try await transaction.execute("INSERT INTO t VALUES (1)")
            withUnsafeCurrentTask { $0?.cancel() }
          }
        }
      }
      #expect(await task.value as? StorageFailure == .cancelled)
      #expect(try await tested.admin("SELECT count(*) FROM t") == [["0"]])
      #expect(tested.pool.usage == PoolUsage(idle: 1, lent: 0, connecting: 0, waiting: 0))
    }
  }

  @Test("cancelling at any moment either changes nothing or is too late, and never hits the next statement")
  func atAnyMoment() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 2 }) { tested in
      try await tested.admin("CREATE TABLE t (v int PRIMARY KEY); GRANT ALL ON t TO opentier_app")
      var kept: Set<Int> = []
      for number in 0..<150 {
        let task = Task {
          if number.isMultiple(of: 2) {
            _ = try await tested.database.query(in: nil, "INSERT INTO t VALUES (\(number))")
          } else {
            try await tested.database.write(in: nil) { _ = try await $0.execute("INSERT INTO t VALUES (\(number))") }
          }
        }
        try await Task.sleep(for: .microseconds(number * 10))
        task.cancel()
        do {
          try await task.value
          kept.insert(number)
        } catch {
          #expect(error as? StorageFailure == .cancelled)
        }
        // Were the request to arrive late, this one would meet it.
        _ = try await tested.database.query(in: nil, "SELECT count(*) FROM t")
      }
      let rows = try await tested.database.query(in: nil, "SELECT v FROM t")
      #expect(Set(try rows.map { try $0.value("v", as: Int.self) }) == kept)
      #expect(tested.events.all.allSatisfy { if case .connectionLost = $0 { false } else { true } })
    }
  }

  @Test("cancelling one of a transaction's concurrent statements leaves the connection usable")
  func child() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 1 }) { tested in
      let thrown = await failure {
        try await tested.database.read(in: nil) { transaction in
          try await withThrowingTaskGroup { group in
            group.addTask { _ = try await transaction.rows("SELECT pg_sleep(60)") }
            _ = try await tested.hasSleeping()
            group.cancelAll()
            try await group.next()
          }
        }
      }
      #expect(thrown as? StorageFailure == .cancelled)
      try await tested.database.check()
    }
  }
}
