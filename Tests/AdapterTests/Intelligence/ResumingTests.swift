import Application
import Domain
import Foundation
import IntelligenceClient
import Synchronization
import Testing

@Suite("An answer is taken up from the process that has it", .timeLimit(.minutes(2)))
struct ResumingTests {
  private static let command = ResumeChat.Command(messageID: MessageID(UUID()), lastEventID: 2)
  private static let missing = UseCaseFailure.notFound("there is no such reply")

  private static func knowing(_ events: [ChatEvent], then failure: UseCaseFailure? = nil) -> ScriptedIntelligence {
    ScriptedIntelligence(onResume: { _, _, emit throws(UseCaseFailure) in
      for event in events { try await emit(event) }
      if let failure { throw failure }
    })
  }

  @Test("the processes are asked one after the other, and a failure of the answer is an event")
  func finds() async throws {
    let events: [ChatEvent] = [.delta("a"), .failed(.unavailable("the model stopped"))]
    let sides = [Self.knowing([], then: Self.missing), Self.knowing([], then: Self.missing), Self.knowing(events)]
    var processes: [IntelligenceProcess] = []
    for side in sides { processes.append(try await IntelligenceProcess(side)) }
    let log = Events()
    try await withClient(of: processes) { client in try await client.resume(Self.command, ada, emit: log.emit) }
    #expect(log.all == events)
    let asked = sides.flatMap { side in side.state.withLock { $0.resumed } }
    #expect(!asked.isEmpty && asked.allSatisfy { $0 == Self.command })
    #expect(sides.allSatisfy { side in side.state.withLock { $0.callers.allSatisfy { $0 == ada } } })
    for process in processes { try await process.stop() }
  }

  @Test(
    "what no process has is not found, and any other refusal counts at once",
    arguments: [missing, .invalid("lastEventId is 2"), .exhausted("too many")])
  func refusals(_ failure: UseCaseFailure) async throws {
    let sides = [Self.knowing([], then: failure), Self.knowing([], then: failure)]
    let processes = [try await IntelligenceProcess(sides[0]), try await IntelligenceProcess(sides[1])]
    try await withClient(of: processes) { client in
      await #expect(throws: failure) { try await client.resume(Self.command, ada, emit: Events().emit) }
    }
    #expect(
      sides.map { side in side.state.withLock { $0.resumed.count } }.reduce(0, +) == (failure == Self.missing ? 2 : 1))
    for process in processes { try await process.stop() }
  }

  @Test("a stream that breaks off behind an event is not read from another process")
  func breaksOff() async throws {
    let sides = (0..<2).map { _ in Self.knowing([.delta("a")], then: Self.missing) }
    let processes = [try await IntelligenceProcess(sides[0]), try await IntelligenceProcess(sides[1])]
    let log = Events()
    try await withClient(of: processes) { client in
      await #expect(throws: Self.missing) { try await client.resume(Self.command, ada, emit: log.emit) }
    }
    #expect(log.all == [.delta("a")])
    for process in processes { try await process.stop() }
  }

  @Test("that an answer is to be resumable crosses with the question")
  func flag() async throws {
    let side = ScriptedIntelligence()
    let process = try await IntelligenceProcess(side)
    try await withClient(of: [process]) { client in
      for isResumable in [true, false] {
        try await client.chat(StreamChat.Command(message: "q", isResumable: isResumable), ada, emit: Events().emit)
        try await client.regenerate(
          RegenerateMessage.Command(
            messageID: MessageID(UUID()), conversationID: ConversationID(UUID()), isResumable: isResumable), ada,
          emit: Events().emit)
      }
    }
    side.state.withLock { state in
      #expect(state.commands.map(\.isResumable) == [true, false])
      #expect(state.regenerated.map(\.isResumable) == [true, false])
    }
    try await process.stop()
  }
}
