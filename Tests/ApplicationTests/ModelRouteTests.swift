import Domain
import Synchronization
import Testing

@testable import Application

/// A clock that moves by sleeping alone.
private final class StillClock: Sendable {
  private let state = Mutex<(now: Duration, waits: [Duration])>((.zero, []))
  var waits: [Duration] { state.withLock { $0.waits } }

  func advance(_ time: Duration) { state.withLock { $0.now += time } }

  var route: RouteClock {
    RouteClock(
      now: { self.state.withLock { $0.now } },
      sleep: { time in
        self.state.withLock {
          $0.now += time
          $0.waits.append(time)
        }
      }, random: { 0 })
  }
}

@Suite("A route to models")
struct ModelRouteTests {
  private let clock = StillClock()
  private let request = ModelRequest(messages: [], question: "?", sources: [], maximumTokens: nil)
  private let busy = ModelFailure.overloaded("busy", retryAfter: .seconds(60))

  private func target(_ model: ScriptedModel, limit: Int = 50, queue: Int = 1_000) -> ModelRouteTarget {
    ModelRouteTarget(model: model, slots: CallSlots(name: model.name, limit: limit, queue: queue))
  }

  private func route(_ targets: [ModelRouteTarget]) -> ModelRoute {
    ModelRoute(name: "chat", targets: targets, clock: clock.route)
  }

  private func ask(_ route: ModelRoute) async -> (texts: [String], failure: ModelFailure?) {
    let texts = Mutex<[String]>([])
    do throws(ModelFailure) {
      _ = try await route.reply(to: request) { text throws(ModelFailure) in texts.withLock { $0.append(text) } }
      return (texts.withLock { $0 }, nil)
    } catch {
      return (texts.withLock { $0 }, error)
    }
  }

  @Test(
    "a target that fails before it says anything gives way to the next, at once",
    arguments: [
      ModelFailure.unavailable("down"), .overloaded("busy", retryAfter: .seconds(60)), .misconfigured("no key"),
      .broken("garbage"),
    ])
  func failsOver(failure: ModelFailure) async {
    let (first, second) = (ScriptedModel(.fail([], failure)), ScriptedModel(.reply(["a", "b"])))
    let (texts, failed) = await ask(route([target(first), target(second)]))
    #expect(texts == ["a", "b"] && failed == nil)
    #expect(clock.waits.isEmpty)
    #expect(first.requests.count == 1)
  }

  @Test("a reply that has begun is never begun again by another")
  func begun() async {
    let second = ScriptedModel(.reply(["b"]))
    let (texts, failure) = await ask(
      route([target(ScriptedModel(.fail(["a"], .broken("it stopped")))), target(second)]))
    #expect(texts == ["a"] && failure == .broken("it stopped"))
    #expect(second.requests.isEmpty)
  }

  @Test("a request that is refused is asked of nobody else")
  func rejected() async {
    let second = ScriptedModel(.reply(["b"]))
    let failed = await ask(route([target(ScriptedModel(.fail([], .rejected("too long")))), target(second)])).failure
    #expect(failed == .rejected("too long"))
    #expect(second.requests.isEmpty)
  }

  @Test("when all fail, they are tried once more after a wait; a refused key is not")
  func rounds() async {
    let (down, keyless) = (
      ScriptedModel(.fail([], .unavailable("down"))), ScriptedModel(.fail([], .misconfigured("no key")))
    )
    let failed = await ask(route([target(keyless), target(down)])).failure
    #expect(failed == .unavailable("down"))
    #expect(clock.waits == [.milliseconds(125)])
    #expect(down.requests.count == 2 && keyless.requests.count == 1)
  }

  @Test("a short Retry-After is waited for, a long one is not, and nobody asks before it is over")
  func retryAfter() async {
    let soon = ScriptedModel(.fail([], .overloaded("busy", retryAfter: .seconds(3))))
    #expect(await ask(route([target(soon)])).failure == .overloaded("busy", retryAfter: .seconds(3)))
    #expect(clock.waits == [.seconds(3)])
    let late = ScriptedModel(.fail([], busy))
    let shared = target(late)
    for _ in 0..<10 { #expect(await ask(route([shared])).failure != nil) }
    #expect(late.requests.count == 1)
    clock.advance(.seconds(60))
    _ = await ask(route([shared]))
    #expect(late.requests.count == 2)
  }

  @Test("a target that keeps failing is left alone, then tried by one call")
  func breaker() async {
    let (down, well) = (ScriptedModel(.fail([], .unavailable("down"))), ScriptedModel(.reply(["b"])))
    let (first, second) = (target(down), target(well))
    for _ in 0..<20 { #expect(await ask(route([first, second])).texts == ["b"]) }
    #expect(down.requests.count == 5)
    clock.advance(.seconds(31))
    for _ in 0..<20 { _ = await ask(route([first, second])) }
    #expect(down.requests.count == 6)
  }

  @Test("calls beyond the limit wait in line, those beyond the queue are refused, and a slot that is left is taken")
  func slots() async throws {
    let slots = CallSlots(name: "m", limit: 2, queue: 3)
    let hanging = (0..<2).map { _ in hang(slots) }
    try await reach(slots, running: 2, waiting: 0)
    let queued = (0..<3).map { _ in hang(slots) }
    try await reach(slots, running: 2, waiting: 3)
    #expect(await hang(slots).value == .exhausted("too many questions wait for the model m; try again"))
    queued[1].cancel()
    #expect(await queued[1].value == .cancelled)
    try await reach(slots, running: 2, waiting: 2)
    hanging[0].cancel()
    #expect(await hanging[0].value == .cancelled)
    try await reach(slots, running: 2, waiting: 1)
    for task in hanging + queued { task.cancel() }
    for task in hanging + queued { _ = await task.value }
    try await reach(slots, running: 0, waiting: 0)
  }

  @Test("a full model gives way to the next, and the last one's refusal is told")
  func full() async throws {
    let slots = CallSlots(name: "m", limit: 1, queue: 0)
    let hanging = hang(slots)
    try await reach(slots, running: 1, waiting: 0)
    let full = ModelRouteTarget(model: ScriptedModel(.reply(["a"])), slots: slots)
    #expect(await ask(route([full, target(ScriptedModel(.reply(["b"])))])).texts == ["b"])
    #expect(
      await ask(route([full])).failure == .exhausted("too many questions wait for the model m; try again"))
    hanging.cancel()
    _ = await hanging.value
  }

  @Test("cancelling reaches the model that replies")
  func cancelled() async throws {
    let hanging = ScriptedModel(.hang(["a"]))
    let route = route([target(hanging)])
    let task = Task { await ask(route).failure }
    while hanging.requests.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
    task.cancel()
    #expect(await task.value == .cancelled)
    #expect(hanging.wasCancelled)
  }

  @Test("a turn that does not come in time is given up, and the place in the queue is free again")
  func impatient() async throws {
    let slots = CallSlots(name: "m", limit: 1, queue: 1, patience: .milliseconds(500))
    let first = hang(slots)
    try await reach(slots, running: 1, waiting: 0)
    var failure: ModelFailure?
    do throws(ModelFailure) { try await slots.run { () throws(ModelFailure) in } } catch { failure = error }
    #expect(
      failure
        == .exhausted("the turn of a question to the model m did not come within 0.5 seconds; try again"))
    #expect(slots.load.waiting == 0)
    let second = Task { () -> ModelFailure? in
      do throws(ModelFailure) {
        try await slots.run { () throws(ModelFailure) in }
        return nil
      } catch {
        return error
      }
    }
    try await reach(slots, running: 1, waiting: 1)
    first.cancel()
    #expect(await first.value == .cancelled)
    #expect(await second.value == nil)
    #expect(slots.load.running == 0)
  }

  @Test("after its rest a broken target is tried by one call; the others wait until that has ended well")
  func halfOpen() async throws {
    let model = ScriptedModel(.fail([], .unavailable("down")))
    let end = target(model)
    for _ in 0..<5 { end.ended(.unavailable("down"), at: .zero) }
    #expect(end.refusal(at: .seconds(29)) == .seconds(1))
    #expect(end.refusal(at: .seconds(30)) == nil)
    for _ in 0..<3 { #expect(end.refusal(at: .seconds(31)) != nil) }
    // The probe fails: all wait for another rest.
    end.ended(.unavailable("down"), at: .seconds(32))
    #expect(end.refusal(at: .seconds(61)) == .seconds(1))
    #expect(end.refusal(at: .seconds(62)) == nil)
    // The next is cancelled, which says nothing: another call may be the probe.
    end.ended(.cancelled, at: .seconds(63))
    #expect(end.refusal(at: .seconds(63)) == nil)
    end.ended(nil, at: .seconds(64))
    for _ in 0..<3 { #expect(end.refusal(at: .seconds(64)) == nil) }
  }

  private func hang(_ slots: CallSlots) -> Task<ModelFailure?, Never> {
    Task {
      do throws(ModelFailure) {
        try await slots.run { () async throws(ModelFailure) in
          do { try await Task.sleep(for: .seconds(60)) } catch { throw .cancelled }
        }
        return nil
      } catch {
        return error
      }
    }
  }

  private func reach(_ slots: CallSlots, running: Int, waiting: Int) async throws {
    for _ in 0..<5_000 where slots.load != (running, waiting) { try await Task.sleep(for: .milliseconds(1)) }
    #expect(slots.load == (running, waiting))
  }
}

extension CallSlots {
  /// Runs a call when its turn has come.
  fileprivate func run(_ call: () async throws(ModelFailure) -> Void) async throws(ModelFailure) {
    try await enter()
    defer { leave() }
    try await call()
  }
}
