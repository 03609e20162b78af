import Application
import Domain
import Synchronization
import Testing

@Suite("Handing on events")
struct RelayEventsTests {
  let world = TestWorld { $0.relay.batchSize = 4 }
  let publisher = ScriptedPublisher()

  @Test("what happened is handed on once, in order, a batch at a time")
  func order() async throws {
    let ada = try await world.signUp("ada")
    let job = try await world.publish("Text.", by: ada)
    try await world.useCases.documents.delete(try required(job.documentID), ada)
    let other = try await world.useCases.submit(SubmitKnowledge.Command(title: "T", content: .text("x")), ada)
    _ = try await world.useCases.review.reject(other.id, note: "no", ada)
    #expect(try await world.useCases.relayEvents(to: publisher) == 4)
    #expect(try await world.useCases.relayEvents(to: publisher, limit: 1) == 1)
    #expect(try await world.useCases.relayEvents(to: publisher) == 1)
    #expect(try await world.useCases.relayEvents(to: publisher) == 0)
    #expect(
      publisher.batches.map { $0.map(\.kind) } == [
        [.submissionCreated, .submissionApproved, .documentPublished, .documentDeleted], [.submissionCreated],
        [.submissionRejected],
      ])
  }

  @Test("what a publisher did not take comes again when the claim has run out, and from the same event on")
  func failure() async throws {
    let ada = try await world.signUp("ada")
    try await world.publish("Text.", by: ada)
    publisher.fail(.unavailable("the broker does not answer"))
    await #expect(throws: UseCaseFailure.unavailable("the broker does not answer")) {
      try await world.useCases.relayEvents(to: publisher)
    }
    publisher.fail(nil)
    #expect(try await world.useCases.relayEvents(to: publisher) == 0)
    world.clock.advance(31)
    #expect(try await world.useCases.relayEvents(to: publisher) == 3)
    #expect(publisher.batches.count == 2)
    #expect(publisher.batches[0] == publisher.batches[1])
  }

  @Test("a task that is cancelled after its events are out does not make them come again")
  func cancelledBehind() async throws {
    let ada = try await world.signUp("ada")
    try await world.publish("Text.", by: ada)
    publisher.cancelsItsCaller()
    let relayed = try await Task { try await world.useCases.relayEvents(to: publisher) }.value
    #expect(relayed == 3)
    world.clock.advance(31)
    #expect(try await world.useCases.relayEvents(to: publisher) == 0)
  }

  @Test("a task that is cancelled before it begins hands nothing on")
  func cancelledBefore() async throws {
    let ada = try await world.signUp("ada")
    try await world.publish("Text.", by: ada)
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await world.useCases.relayEvents(to: publisher)
    }
    await #expect(throws: UseCaseFailure.cancelled) { try await task.value }
    #expect(publisher.batches.isEmpty)
    #expect(try await world.useCases.relayEvents(to: publisher) == 3)
  }
}

/// Keeps the batches; fails after that when a test says so.
final class ScriptedPublisher: EventPublisher {
  private struct State {
    var batches: [[DomainEvent]] = []
    var failure: PublishingFailure?
    var cancels = false
  }

  private let state = Mutex(State())
  var batches: [[DomainEvent]] { state.withLock { $0.batches } }
  func fail(_ failure: PublishingFailure?) { state.withLock { $0.failure = failure } }
  func cancelsItsCaller() { state.withLock { $0.cancels = true } }

  func publish(_ events: [DomainEvent]) async throws(PublishingFailure) {
    let (failure, cancels) = state.withLock { state in
      state.batches.append(events)
      return (state.failure, state.cancels)
    }
    if cancels { withUnsafeCurrentTask { $0?.cancel() } }
    if let failure { throw failure }
  }
}
