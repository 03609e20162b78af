import Application
import Foundation
import PostgresTesting
import Testing

@testable import PostgresStorage

@Suite("A server that refuses, stops and comes back", .enabled(if: OwnServer.isWanted))
struct ServerTests {
  @Test("why a server refuses a connection is told in words that hold no secret and no word of the server")
  func refusals() async throws {
    try await OwnServer.withServer { server in
      let failure = { @Sendable (url: String) async throws -> StorageFailure? in
        let events = EventLog()
        var configuration = try PostgresConfiguration(url: url)
        configuration.checkoutTimeout = 1
        let database = PostgresDatabase(configuration: configuration, diagnostics: events.add)
        let error = await PostgresTests.failure { try await database.check() }
        await database.close()
        #expect(!"\(events.all)".contains("wrong"))
        return error as? StorageFailure
      }
      let refused = { StorageFailure(PostgresConnectionFailure.refused(sqlState: $0)) }
      #expect(try await failure(server.url("secured", password: "right%20password")) == nil)
      #expect(try await failure(server.url("secured", password: "wrong")) == refused("28P01"))
      #expect(try await failure(server.url("excluded", password: "wrong")) == refused("28000"))
      #expect(try await failure(server.url("unknown", password: "wrong")) == refused("28000"))
      #expect(
        try await failure(server.url(options: "?sslmode=require"))
          == StorageFailure(PostgresConnectionFailure.tlsRefused)
      )
      #expect(
        try await failure("postgresql://secured:wrong@nowhere.invalid/postgres")
          == StorageFailure(PostgresConnectionFailure.unknownHost)
      )
      let held = try await PostgresConnection.connect(PostgresConfiguration(url: server.url("limited")))
      #expect(try await failure(server.url("limited")) == refused("53300"))
      await held.close()
    }
  }

  @Test("a login or a server without the application's role is told to bring the schema up to date")
  func missingRole() async throws {
    try await OwnServer.withServer { server in
      try await PostgresTestServer.execute("CREATE ROLE stranger LOGIN", at: server.url())
      for change in ["SELECT 1", "ALTER ROLE opentier_app RENAME TO another"] {
        try await PostgresTestServer.execute(change, at: server.url())
        let database = PostgresDatabase(configuration: try PostgresConfiguration(url: server.url("stranger")))
        let error = await failure { _ = try await database.query(in: nil, "SELECT 1") }
        guard case .unavailable(let words) = error as? StorageFailure else {
          Issue.record("\(String(describing: error))")
          continue
        }
        #expect(words.contains("run opentier migrate up"))
        await database.close()
      }
    }
  }

  @Test(
    "after a restart every waiting call is served, and nothing that was acknowledged is lost",
    arguments: ["fast", "immediate"])
  func restart(mode: String) async throws {
    try await OwnServer.withServer { server in
      try await PostgresTestServer.execute(
        "CREATE TABLE t (v int PRIMARY KEY); GRANT ALL ON t TO opentier_app", at: server.url())
      var configuration = try PostgresConfiguration(url: server.url())
      configuration.checkoutTimeout = 20
      configuration.outageTolerance = 20
      configuration.maximumConnections = 4
      let events = EventLog()
      let database = PostgresDatabase(configuration: configuration, diagnostics: events.add)
      let written = Log<Int>()
      let failures = Log<StorageFailure>()
      let isOver = Counter()
      let work = Task {
        await withTaskGroup { group in
          for worker in 0..<16 {
            group.addTask {
              var number = worker
              while isOver.now == 0 {
                number += 16
                let value = number
                do throws(StorageFailure) {
                  if value.isMultiple(of: 3) {
                    _ = try await database.query(in: nil, "INSERT INTO t VALUES (\(value))")
                  } else {
                    try await database.write(in: nil) { _ = try await $0.execute("INSERT INTO t VALUES (\(value))") }
                  }
                  written.add(value)
                } catch {
                  failures.add(error)
                }
              }
            }
          }
        }
      }
      for _ in 0..<2 {
        try await Task.sleep(for: .milliseconds(300))
        try await server.stop(mode)
        try await Task.sleep(for: .milliseconds(500))
        let before = written.all.count
        try await server.start()
        #expect(try await TestedDatabase.eventually { written.all.count >= before + 32 })
      }
      isOver.add()
      await work.value
      let rows = try await database.query(in: nil, "SELECT v FROM t")
      let stored = Set(try rows.map { try $0.value("v", as: Int.self) })
      #expect(Set(written.all).subtracting(stored).isEmpty)
      // Each call was served but those whose answer was on its way, and those say so.
      let unknown = StorageFailure(PostgresConnectionFailure.outcomeUnknown)
      #expect(failures.all.allSatisfy { $0 == unknown }, "\(failures.all)")
      #expect(stored.count - written.all.count <= failures.all.count)
      await database.close()
    }
  }
}
