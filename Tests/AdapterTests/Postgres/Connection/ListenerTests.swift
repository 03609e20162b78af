import Foundation
import PostgresStorage
import PostgresTesting
import Testing

@Suite("Listening for notifications", .needsPostgres)
struct ListenerTests {
  @Test("notifications arrive, and a connection that ended is made again")
  func reconnecting() async throws {
    try await withTestedDatabase { tested in
      let configuration = try PostgresConfiguration(url: tested.url)
      let listener = PostgresListener(configuration: configuration, channels: ["jobs", "Other \"one\""])
      let log = Log<PostgresListener.Event>()
      let task = Task { await listener.run(log.add) }
      let sees = { (event: PostgresListener.Event, times: Int) in
        try await TestedDatabase.eventually { log.all.count { $0 == event } == times }
      }
      #expect(try await sees(.connected, 1))
      try await tested.admin("SELECT pg_notify('jobs', 'a ä'), pg_notify('Other \"one\"', ''), pg_notify('third', '')")
      #expect(try await sees(.notification(channel: "jobs", payload: "a ä"), 1))
      #expect(try await sees(.notification(channel: "Other \"one\"", payload: ""), 1))
      for round in 2...3 {
        try await tested.terminateOthers()
        #expect(try await sees(.connected, round))
        #expect(log.all.count { if case .disconnected = $0 { true } else { false } } == round - 1)
        try await tested.admin("NOTIFY jobs, 'again'")
        #expect(try await sees(.notification(channel: "jobs", payload: "again"), round - 1))
      }
      task.cancel()
      await task.value
      #expect(try await tested.isLeft())
    }
  }

  @Test("a reader of the events gets them for as long as it reads")
  func events() async throws {
    try await withTestedDatabase { tested in
      let listener = PostgresListener(configuration: try PostgresConfiguration(url: tested.url), channels: ["jobs"])
      var received: [PostgresListener.Event] = []
      for await event in listener.events {
        received.append(event)
        if received.count == 1 { try await tested.admin("NOTIFY jobs, '1'; NOTIFY jobs, '2'") }
        if received.count == 3 { break }
      }
      #expect(received[0] == .connected)
      #expect(received[2] == .notification(channel: "jobs", payload: "2"))
      #expect(try await tested.isLeft())
    }
  }

  @Test("a server that is not there is told once, and it is tried again")
  func unreachable() async throws {
    let configuration = try PostgresConfiguration(url: "postgresql://postgres@127.0.0.1:1/postgres")
    let attempts = EventLog()
    let listener = PostgresListener(configuration: configuration, channels: ["jobs"], diagnostics: attempts.add)
    let log = Log<PostgresListener.Event>()
    let task = Task { await listener.run(log.add) }
    #expect(try await TestedDatabase.eventually { attempts.all.count > 2 })
    task.cancel()
    await task.value
    #expect(log.all.count == 1)
  }
}
