import Foundation
import Synchronization
import Testing

@testable import SystemSecurity

@Suite("Work that burns a processor runs on bounded threads")
struct WorkerThreadsTests {
  /// Occupies a thread until opened.
  private final class Gate: Sendable {
    private let opened = DispatchSemaphore(value: 0)
    private let entered = DispatchSemaphore(value: 0)
    func pass() {
      entered.signal()
      opened.wait()
    }
    func open() { opened.signal() }
    /// Waits on a thread of its own, so that no thread of Swift's executor stands still.
    func untilEntered() async {
      await withCheckedContinuation { continuation in
        Thread.detachNewThread {
          self.entered.wait()
          continuation.resume()
        }
      }
    }
  }

  /// What work did, counted across threads.
  private final class Tally: Sendable {
    let calls = Atomic(0)
    let running = Mutex((now: 0, most: 0))
    func enter() { running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
    func leave() { running.withLock { $0.now -= 1 } }
  }

  private func waitUntil(_ condition: () -> Bool) async {
    while !condition() { await Task.yield() }
  }

  @Test("work gives back its value")
  func value() async throws {
    let threads = WorkerThreads(count: 2, maximumWaiting: 10)
    #expect(try await threads.run { 6 * 7 } == 42)
  }

  @Test("all of much work is done, each once, when the queue takes it")
  func manyAtOnce() async throws {
    let threads = WorkerThreads(count: 3, maximumWaiting: 1000)
    let tally = Tally()
    let sum = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 1...1000 {
        group.addTask {
          try await threads.run {
            tally.calls.add(1, ordering: .relaxed)
            return number
          }
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(sum == 500_500)
    #expect(tally.calls.load(ordering: .relaxed) == 1000)
  }

  @Test("no more run at once than there are threads", .timeLimit(.minutes(1)))
  func boundedParallelism() async throws {
    let threads = WorkerThreads(count: 2, maximumWaiting: 100)
    let tally = Tally()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<50 {
        group.addTask {
          try await threads.run {
            tally.enter()
            for _ in 0..<1000 { _ = Bcrypt.cost(of: "") }
            tally.leave()
          }
        }
      }
      try await group.waitForAll()
    }
    #expect((1...2).contains(tally.running.withLock { $0.most }))
  }

  @Test("beyond the queue work is refused at once, and taken again once there is room", .timeLimit(.minutes(1)))
  func overload() async throws {
    let threads = WorkerThreads(count: 1, maximumWaiting: 1)
    let gate = Gate()
    async let running: Void = threads.run { gate.pass() }
    await gate.untilEntered()
    async let waiting = threads.run { "waited" }
    await waitUntil { threads.waiting == 1 }
    await #expect(throws: WorkerThreads.Refusal.overloaded) { try await threads.run { "refused" } }
    gate.open()
    try await running
    #expect(try await waiting == "waited")
    #expect(try await threads.run { "later" } == "later")
  }

  @Test("work whose task is cancelled while it waits never runs and makes room", .timeLimit(.minutes(1)))
  func cancelledWhileWaiting() async throws {
    let threads = WorkerThreads(count: 1, maximumWaiting: 1)
    let gate = Gate()
    let tally = Tally()
    async let running: Void = threads.run { gate.pass() }
    await gate.untilEntered()
    let task = Task { try await threads.run { _ = tally.calls.add(1, ordering: .relaxed) } }
    await waitUntil { threads.waiting == 1 }
    task.cancel()
    await #expect(throws: WorkerThreads.Refusal.cancelled) { try await task.value }
    #expect(threads.waiting == 0)
    gate.open()
    try await running
    #expect(try await threads.run { true })
    #expect(tally.calls.load(ordering: .relaxed) == 0)
  }

  @Test("work of a task that was cancelled before is not queued")
  func cancelledBefore() async throws {
    let threads = WorkerThreads(count: 1, maximumWaiting: 1)
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await threads.run { true }
    }
    await #expect(throws: WorkerThreads.Refusal.cancelled) { try await task.value }
  }

  @Test("work that has begun ends and answers although its task is cancelled", .timeLimit(.minutes(1)))
  func cancelledWhileRunning() async throws {
    let threads = WorkerThreads(count: 1, maximumWaiting: 0)
    let gate = Gate()
    let task = Task {
      try await threads.run {
        gate.pass()
        return "done"
      }
    }
    await gate.untilEntered()
    task.cancel()
    gate.open()
    #expect(try await task.value == "done")
  }
}
