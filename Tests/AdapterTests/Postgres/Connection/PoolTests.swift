import Application
import Foundation
import PostgresTesting
import Testing

@testable import PostgresStorage

@Suite("The pool of connections", .needsPostgres)
struct PoolTests {
  private static func opened(_ tested: TestedDatabase) -> Int {
    tested.events.all.count { if case .connected = $0 { true } else { false } }
  }

  @Test("connections are opened when they are needed, up to the maximum, and then used again")
  func maximum() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 3 }) { tested in
      #expect(tested.pool.usage == PoolUsage(idle: 0, lent: 0, connecting: 0, waiting: 0))
      for _ in 0..<5 { try await tested.database.check() }
      #expect(Self.opened(tested) == 1)
      let inUse = Counter()
      try await withThrowingTaskGroup { group in
        for _ in 0..<30 {
          group.addTask {
            try await tested.pool.withConnection { connection in
              inUse.add()
              _ = try await connection.rows("SELECT pg_sleep(0.01)")
              inUse.add(-1)
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(inUse.most == 3)
      #expect(Self.opened(tested) == 3)
      #expect(tested.pool.usage == PoolUsage(idle: 3, lent: 0, connecting: 0, waiting: 0))
    }
  }

  @Test("who asks first is served first")
  func order() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 1 }) { tested in
      let held = try await tested.pool.checkOut()
      let served = Log<Int>()
      try await withThrowingTaskGroup { group in
        for number in 0..<10 {
          group.addTask {
            let connection = try await tested.pool.checkOut()
            served.add(number)
            tested.pool.checkIn(connection)
          }
          #expect(try await TestedDatabase.eventually { tested.pool.usage.waiting == number + 1 })
        }
        tested.pool.checkIn(held)
        try await group.waitForAll()
      }
      #expect(served.all == Array(0..<10))
    }
  }

  @Test("who waits for longer than the checkout time-out is refused, and takes nothing from those behind")
  func checkoutTimeout() async throws {
    try await withTestedDatabase({
      $0.maximumConnections = 1
      $0.checkoutTimeout = 1
    }) { tested in
      let held = try await tested.pool.checkOut()
      let start = ContinuousClock.now
      let error = await failure { try await tested.database.check() }
      #expect(error as? StorageFailure == StorageFailure(PostgresConnectionFailure.exhausted))
      #expect(ContinuousClock.now - start >= .seconds(1))
      #expect(ContinuousClock.now - start < .seconds(3))
      #expect(tested.pool.usage.waiting == 0)
      tested.pool.checkIn(held)
      try await tested.database.check()
    }
  }

  @Test("cancelling who waits lets the others move up, and no connection is lost")
  func cancellation() async throws {
    try await withTestedDatabase({ $0.maximumConnections = 1 }) { tested in
      let held = try await tested.pool.checkOut()
      let tasks = (0..<20).map { _ in Task { try await tested.database.check() } }
      #expect(try await TestedDatabase.eventually { tested.pool.usage.waiting == 20 })
      for task in tasks.prefix(19) { task.cancel() }
      for task in tasks.prefix(19) {
        #expect(await failure { try await task.value } as? StorageFailure == .cancelled)
      }
      #expect(tested.pool.usage.waiting == 1)
      tested.pool.checkIn(held)
      try await tasks[19].value

      // Cancelled while it is being served: the connection comes back all the same.
      for number in 0..<200 {
        let held = try await tested.pool.checkOut()
        let task = Task { try await tested.database.check() }
        if number.isMultiple(of: 2) { await Task.yield() }
        tested.pool.checkIn(held)
        task.cancel()
        _ = await task.result
      }
      #expect(tested.pool.usage == PoolUsage(idle: 1, lent: 0, connecting: 0, waiting: 0))
    }
  }

  @Test("the minimum is opened in the background and kept")
  func minimum() async throws {
    try await withTestedDatabase({
      $0.minimumConnections = 2
      $0.idleTimeout = 0.2
    }) { tested in
      #expect(try await TestedDatabase.eventually { tested.pool.usage.idle == 2 })
      let held = try await [tested.pool.checkOut(), tested.pool.checkOut(), tested.pool.checkOut()]
      for connection in held { tested.pool.checkIn(connection) }
      #expect(tested.pool.usage.idle == 3)
      #expect(try await TestedDatabase.eventually { tested.pool.usage.idle == 2 })
      try await Task.sleep(for: .milliseconds(500))
      #expect(tested.pool.usage.idle == 2)
      try await tested.terminateOthers()
      #expect(try await TestedDatabase.eventually { Self.opened(tested) == 5 && tested.pool.usage.idle == 2 })
    }
  }

  @Test("a connection that is idle for too long is closed on the server too")
  func idleTimeout() async throws {
    try await withTestedDatabase({ $0.idleTimeout = 0.2 }) { tested in
      try await tested.database.check()
      #expect(tested.pool.usage.idle == 1)
      #expect(try await TestedDatabase.eventually { tested.pool.usage.idle == 0 })
      #expect(try await tested.isLeft())
      try await tested.database.check()
    }
  }

  @Test("a connection past its lifetime is closed when it comes back or while it is idle, never in use")
  func lifetime() async throws {
    try await withTestedDatabase({ $0.maximumLifetime = 0.3 }) { tested in
      let connection = try await tested.pool.checkOut()
      try await Task.sleep(for: .milliseconds(500))
      #expect(connection.isUsable)
      _ = try await connection.rows("SELECT 1")
      tested.pool.checkIn(connection)
      #expect(tested.pool.usage.idle == 0)
      try await tested.database.check()
      #expect(try await TestedDatabase.eventually { tested.pool.usage.idle == 0 })
      #expect(Self.opened(tested) == 2)
    }
  }

  @Test("a connection that was idle for longer is asked whether it is alive before it is used")
  func healthCheck() async throws {
    try await withTestedDatabase({ $0.healthCheckAfter = 0 }) { tested in
      try await tested.database.check()
      try await tested.database.check()
      let connection = try await tested.pool.checkOut()
      tested.pool.checkIn(connection)
      await connection.close()
      try await tested.database.check()
      #expect(Self.opened(tested) == 2)
    }
  }

  @Test("closing refuses new work, waits for what runs, and cancels what runs on after its grace")
  func closing() async throws {
    try await withTestedDatabase { tested in
      let database = tested.database
      let quick = Task { try await database.query(in: nil, "SELECT pg_sleep(0.3)") }
      let slow = Task { await failure { _ = try await database.query(in: nil, "SELECT pg_sleep(60)") } }
      let isSleeping = try await tested.hasSleeping(2)
      #expect(isSleeping)
      let start = ContinuousClock.now
      await database.close(grace: 1)
      #expect(ContinuousClock.now - start < .seconds(3))
      #expect(try await quick.value.count == 1)
      #expect(await slow.value as? StorageFailure == StorageFailure(PostgresConnectionFailure.outcomeUnknown))
      let refused = await failure { try await database.check() }
      #expect(refused as? StorageFailure == StorageFailure(PostgresConnectionFailure.closed))
      #expect(tested.pool.usage == PoolUsage(idle: 0, lent: 0, connecting: 0, waiting: 0))
      #expect(try await tested.isLeft())
    }
  }

  @Test("who waits is refused at once when waiting cannot help, and told why")
  func permanentFailure() async throws {
    try await withTestedDatabase { tested in
      let missing = try PostgresTestServer.url(ofDatabase: "opentier_missing_database")
      let database = PostgresDatabase(configuration: try PostgresConfiguration(url: missing))
      let start = ContinuousClock.now
      let error = await failure { try await database.check() }
      #expect(error as? StorageFailure == StorageFailure(PostgresConnectionFailure.refused(sqlState: "3D000")))
      #expect(ContinuousClock.now - start < .seconds(3))
      await database.close()
    }
  }

  @Test("where nothing listens it is tried again for the checkout time-out, then told")
  func unreachable() async throws {
    var configuration = try PostgresConfiguration(url: "postgresql://postgres@127.0.0.1:1/postgres")
    configuration.checkoutTimeout = 2
    configuration.outageTolerance = 10
    let events = EventLog()
    let database = PostgresDatabase(configuration: configuration, diagnostics: events.add)
    let start = ContinuousClock.now
    let error = await failure { try await database.check() }
    #expect(error as? StorageFailure == StorageFailure(PostgresConnectionFailure.unreachable))
    #expect(ContinuousClock.now - start >= .seconds(2))
    let attempts = events.all.count { if case .connectionFailed(.unreachable, _) = $0 { true } else { false } }
    #expect((2...40).contains(attempts))
    await database.close()
  }
}
