import Application
import Domain
import Foundation
import IntelligenceClient
import Synchronization
import Testing

@Suite("An intelligence process may be lost", .timeLimit(.minutes(2)))
struct LostProcessTests {
  private static let query = SearchKnowledge.Query(text: "x")
  private static let command = StreamChat.Command(message: "q")

  private static func isAway(_ failure: UseCaseFailure) -> Bool {
    if case .unavailable = failure { true } else { false }
  }

  @Test("with nobody there a call fails as unavailable, in bounded time, and works once somebody is")
  func nobodyThenSomebody() async throws {
    let first = try await IntelligenceProcess(ScriptedIntelligence())
    let port = first.port
    try await first.stop()
    try await withClient(of: [first], waiting: false) { client in
      let start = ContinuousClock.now
      do {
        _ = try await client.search(Self.query, ada)
        Issue.record("nobody answered")
      } catch {
        #expect(Self.isAway(error as? UseCaseFailure ?? .cancelled))
      }
      #expect(ContinuousClock.now - start < .seconds(10))
      #expect(client.status.serving == 0)
      let second = try await IntelligenceProcess(ScriptedIntelligence(), port: port)
      // At once: the call waits for the connection.
      let hits = try await client.search(Self.query, ada)
      #expect(hits.isEmpty)
      #expect(client.status == (1, 1))
      try await second.stop()
      try await eventually { client.status.serving == 0 }
      #expect(client.status.serving == 0)
    }
  }

  @Test("of two processes one is lost: every later call is served by the other")
  func oneOfTwo() async throws {
    let (left, right) = (ScriptedIntelligence(), ScriptedIntelligence())
    let processes = [try await IntelligenceProcess(left), try await IntelligenceProcess(right)]
    try await withClient(of: processes) { client in
      for _ in 0..<4 { _ = try await client.search(Self.query, ada) }
      #expect(left.state.withLock { $0.queries.count } == 2)
      #expect(right.state.withLock { $0.queries.count } == 2)
      try await processes[0].stop()
      for _ in 0..<8 { _ = try await client.search(Self.query, ada) }
      #expect(right.state.withLock { $0.queries.count } == 10)
      for _ in 0..<4 { try await client.chat(Self.command, ada, emit: Events().emit) }
      #expect(right.state.withLock { $0.commands.count } == 4)
    }
    try await processes[1].stop()
  }

  @Test("a question that may have been begun is not asked twice")
  func notTwice() async throws {
    let processes = Mutex<[IntelligenceProcess]>([])
    let asked = Mutex(0)
    let make = {
      try await IntelligenceProcess(
        ScriptedIntelligence { _, _, _ throws(UseCaseFailure) in
          asked.withLock { $0 += 1 }
          do { try await Task.sleep(for: .seconds(60)) } catch { throw .cancelled }
        })
    }
    for _ in 0..<2 {
      let process = try await make()
      processes.withLock { $0.append(process) }
    }
    let all = processes.withLock { $0 }
    try await withClient(of: all) { client in
      let chat = Task { () -> UseCaseFailure? in
        do throws(UseCaseFailure) {
          try await client.chat(Self.command, ada, emit: Events().emit)
          return nil
        } catch {
          return error
        }
      }
      try await eventually { asked.withLock { $0 } == 1 }
      for process in all { try await process.stop() }
      let failure = try #require(await chat.value)
      #expect(Self.isAway(failure))
      #expect(asked.withLock { $0 } == 1)
    }
  }
}
