import Application
import Synchronization
import Testing

@Suite("The entry of a stage")
struct StageGateTests {
  @Test("no more is inside than there is room for, and everyone gets in")
  func bound() async {
    let gate = StageGate(capacity: 10)
    let room = Room()
    await withTaskGroup(of: Void.self) { group in
      for index in 0..<200 {
        let weight = index % 13  // Some weigh more than the capacity, and count as all of it.
        group.addTask {
          let passed: Void? = await gate.pass(weight: weight) {
            room.enter(min(weight, 10))
            await Task.yield()
            room.leave(min(weight, 10))
          }
          #expect(passed != nil)
        }
      }
    }
    #expect(room.entered == 200)
    #expect(room.most <= 10)
    #expect(gate.queueLength == 0)
  }

  @Test("whoever is cancelled while waiting does not get in, and lets those behind pass")
  func cancellation() async throws {
    let gate = StageGate(capacity: 2)
    let (release, hold) = AsyncStream<Void>.makeStream()
    let isInside = Switch(false)
    let inside = Task {
      await gate.pass(weight: 1) { () async -> Void in
        isInside.isOn = true
        for await _ in release {}
      }
    }
    try await eventually { isInside.isOn }
    // It blocks the third, which would fit beside the first.
    let large = Task { await gate.pass(weight: 2) { true } }
    try await eventually { gate.queueLength == 1 }
    let small = Task { await gate.pass(weight: 1) { true } }
    try await eventually { gate.queueLength == 2 }
    large.cancel()
    #expect(await large.value == nil)
    #expect(await small.value == true)
    hold.finish()
    #expect(await inside.value != nil)
  }

  @Test("the place of a step that throws is free again")
  func failure() async {
    struct Broken: Error {}
    let gate = StageGate(capacity: 1)
    await #expect(throws: Broken.self) { try await gate.pass { () async throws(Broken) -> Void in throw Broken() } }
    #expect(await gate.pass { 7 } == 7)
  }
}

/// Counts what is inside.
private final class Room: Sendable {
  private let state = Mutex((inside: 0, most: 0, entered: 0))
  var most: Int { state.withLock { $0.most } }
  var entered: Int { state.withLock { $0.entered } }
  func enter(_ weight: Int) {
    state.withLock { state in
      state.inside += weight
      state.entered += 1
      state.most = max(state.most, state.inside)
    }
  }
  func leave(_ weight: Int) { state.withLock { $0.inside -= weight } }
}
