import Application
import Foundation
import PostgresTesting
import Testing

@testable import PostgresStorage

@Suite("A database that is away for long", .enabled(if: OwnServer.isWanted))
struct OutageTests {
  /// How long a call that does not wait may take on a busy machine.
  private static let atOnce = Duration.milliseconds(500)

  private static func opened(_ url: String, tolerance: Double) throws -> PostgresDatabase {
    var configuration = try PostgresConfiguration(url: url)
    configuration.checkoutTimeout = 20
    configuration.connectTimeout = 0.4
    configuration.outageTolerance = tolerance
    return PostgresDatabase(configuration: configuration)
  }

  /// How a call ended and how long it took.
  private static func timed(_ database: PostgresDatabase) async -> (failure: StorageFailure?, seconds: Duration) {
    let start = ContinuousClock.now
    let error = await failure { _ = try await database.query(in: nil, readOnly: true, "SELECT 1") }
    return (error as? StorageFailure, ContinuousClock.now - start)
  }

  @Test("calls wait out the tolerance, then fail at once, and succeed soon after the server is back")
  func outage() async throws {
    try await OwnServer.withServer { server in
      let database = try Self.opened(server.url(), tolerance: 1)
      #expect(await Self.timed(database).failure == nil)
      for mode in ["fast", "immediate"] {
        try await server.stop(mode)
        let unreachable = StorageFailure(PostgresConnectionFailure.unreachable)
        await withTaskGroup { group in
          for _ in 0..<20 { group.addTask { await Self.timed(database) } }
          for await (failure, time) in group {
            #expect(failure == unreachable)
            #expect(time >= .milliseconds(900) && time < .seconds(5))
          }
        }
        for _ in 0..<20 {
          let (failure, time) = await Self.timed(database)
          #expect(failure == unreachable)
          #expect(time < Self.atOnce)
        }
        // Nobody asks meanwhile: trying goes on all the same.
        try await Task.sleep(for: .seconds(2))
        try await server.start()
        let back = ContinuousClock.now
        #expect(try await TestedDatabase.eventually { await Self.timed(database).failure == nil })
        #expect(ContinuousClock.now - back < .seconds(3))
        #expect(database.pool.usage.waiting == 0)
      }
      await database.close()
    }
  }

  @Test("a server that takes connections and says nothing is away too, counted from the first attempt")
  func silence() async throws {
    let server = try SilentServer()
    let database = try Self.opened("postgresql://postgres@127.0.0.1:\(server.port)/postgres", tolerance: 0.3)
    let noAnswer = StorageFailure(PostgresConnectionFailure.connectTimeout)
    let (first, waited) = await Self.timed(database)
    #expect(first == noAnswer)
    #expect(waited >= .milliseconds(300) && waited < .seconds(3))
    let (second, time) = await Self.timed(database)
    #expect(second == noAnswer)
    #expect(time < Self.atOnce)
    await database.close(grace: 0)
    withExtendedLifetime(server) {}
  }

  @Test("a server without a connection left is not away while one of its connections is lent")
  func fullServer() async throws {
    try await OwnServer.withServer { server in
      let database = try Self.opened(server.url("limited"), tolerance: 0.2)
      let held = try await database.pool.checkOut()
      let waiting = Task { await Self.timed(database) }
      try await Task.sleep(for: .seconds(1))
      #expect(database.pool.usage.waiting == 1)
      database.pool.checkIn(held)
      #expect(await waiting.value.failure == nil)

      // Somebody else has the one connection: nothing is lent here that could come back.
      await database.close()
      // The server frees its place when it has seen the end of the connection before.
      var connected: PostgresConnection?
      _ = try await TestedDatabase.eventually {
        do {
          connected = try await PostgresConnection.connect(PostgresConfiguration(url: server.url("limited")))
        } catch PostgresConnectionFailure.refused(sqlState: "53300") {
          return false
        }
        return true
      }
      let other = try #require(connected)
      let refused = try Self.opened(server.url("limited"), tolerance: 0.2)
      let (failure, time) = await Self.timed(refused)
      #expect(failure == StorageFailure(PostgresConnectionFailure.refused(sqlState: "53300")))
      #expect(time < .seconds(3))
      await other.close()
      #expect(try await TestedDatabase.eventually { await Self.timed(refused).failure == nil })
      await refused.close()
    }
  }

  @Test("a pool whose server is away closes at once")
  func closing() async throws {
    let database = try Self.opened("postgresql://postgres@127.0.0.1:1/postgres", tolerance: 0)
    #expect(await Self.timed(database).failure == StorageFailure(PostgresConnectionFailure.unreachable))
    let start = ContinuousClock.now
    await database.close()
    #expect(ContinuousClock.now - start < .seconds(2))
    #expect(await Self.timed(database).failure == StorageFailure(PostgresConnectionFailure.closed))
  }
}
