import Application
import Synchronization
import Testing

@testable import PostgresStorage

@Suite("PostgreSQL: calls that wait together are one")
struct CoalescerTests {
  /// Serves numbers, each batch only when it is let through.
  private final class Gate: Sendable {
    private struct State {
      var batches: [[Int]] = []
      var wasCancelled = false
      var open: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var batches: [[Int]] { state.withLock(\.batches) }
    var wasCancelled: Bool { state.withLock(\.wasCancelled) }

    func serve(_ numbers: [Int]) async throws(StorageFailure) -> [Int] {
      state.withLock { $0.batches.append(numbers) }
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in state.withLock { $0.open.append(continuation) } }
      } onCancel: {
        state.withLock { $0.wasCancelled = true }
        letThrough()
      }
      if Task.isCancelled { throw .cancelled }
      if numbers.contains(13) { throw .unavailable("unlucky") }
      return numbers.map { $0 * 10 }
    }

    func letThrough() {
      let open = state.withLock { state in
        defer { state.open = [] }
        return state.open
      }
      for continuation in open { continuation.resume() }
    }

    /// Waits until so many batches were begun.
    func waitForBatches(_ count: Int) async throws {
      while state.withLock({ $0.batches.count < count || $0.open.isEmpty }) {
        try await Task.sleep(for: .milliseconds(1))
      }
    }
  }

  private func coalescer(_ gate: Gate, limit: Int = 100) -> Coalescer<Int, Int> {
    Coalescer(limit: limit, canJoin: { !$1.contains($0) }) { numbers throws(StorageFailure) in
      try await gate.serve(numbers)
    }
  }

  private typealias Call = Task<Result<Int, StorageFailure>, Never>

  private func call(_ coalescer: Coalescer<Int, Int>, _ number: Int) -> Call {
    Task {
      do throws(StorageFailure) { return .success(try await coalescer(number)) } catch { return .failure(error) }
    }
  }

  /// Starts calls one after the other, so that they wait in this order.
  private func calls(_ coalescer: Coalescer<Int, Int>, _ numbers: [Int]) async throws -> [Call] {
    var calls: [Call] = []
    for number in numbers {
      calls.append(call(coalescer, number))
      while coalescer.waitingCount < calls.count { try await Task.sleep(for: .milliseconds(1)) }
    }
    return calls
  }

  @Test(
    "the first goes at once, and those that come meanwhile go together, each with its own reply",
    .timeLimit(.minutes(1)))
  func merging() async throws {
    let gate = Gate()
    let coalescer = coalescer(gate)
    let first = call(coalescer, 1)
    try await gate.waitForBatches(1)
    let rest = try await calls(coalescer, [2, 3, 4])
    gate.letThrough()
    #expect(await first.value == .success(10))
    try await gate.waitForBatches(2)
    gate.letThrough()
    for (call, number) in zip(rest, [2, 3, 4]) { #expect(await call.value == .success(number * 10)) }
    #expect(gate.batches == [[1], [2, 3, 4]])
  }

  @Test("a batch has no more than its limit and nothing twice; who is left out is in the next", .timeLimit(.minutes(1)))
  func limits() async throws {
    let gate = Gate()
    let coalescer = coalescer(gate, limit: 3)
    let first = call(coalescer, 1)
    try await gate.waitForBatches(1)
    let rest = try await calls(coalescer, [2, 2, 3, 4, 5])
    for batch in 1...3 {
      try await gate.waitForBatches(batch)
      gate.letThrough()
    }
    for call in rest + [first] { _ = await call.value }
    #expect(gate.batches == [[1], [2, 3, 4], [2, 5]])
  }

  @Test("a batch that fails fails for all of it and for no other", .timeLimit(.minutes(1)))
  func failure() async throws {
    let gate = Gate()
    let coalescer = coalescer(gate)
    let first = call(coalescer, 1)
    try await gate.waitForBatches(1)
    let rest = try await calls(coalescer, [13, 14])
    gate.letThrough()
    try await gate.waitForBatches(2)
    gate.letThrough()
    #expect(await first.value == .success(10))
    for call in rest { #expect(await call.value == .failure(.unavailable("unlucky"))) }
  }

  @Test("who is cancelled while waiting is not served", .timeLimit(.minutes(1)))
  func cancelledWhileWaiting() async throws {
    let gate = Gate()
    let coalescer = coalescer(gate)
    let first = call(coalescer, 1)
    try await gate.waitForBatches(1)
    let rest = try await calls(coalescer, [2, 3])
    rest[0].cancel()
    #expect(await rest[0].value == .failure(.cancelled))
    gate.letThrough()
    try await gate.waitForBatches(2)
    gate.letThrough()
    #expect(await first.value == .success(10))
    #expect(await rest[1].value == .success(30))
    #expect(gate.batches == [[1], [3]])
  }

  @Test("a batch is cancelled when nobody needs it any more, and not before", .timeLimit(.minutes(1)))
  func cancelledWhileServed() async throws {
    let gate = Gate()
    let coalescer = coalescer(gate)
    let first = call(coalescer, 1)
    try await gate.waitForBatches(1)
    let rest = try await calls(coalescer, [2, 3])
    gate.letThrough()
    try await gate.waitForBatches(2)
    rest[0].cancel()
    #expect(!gate.wasCancelled)
    rest[1].cancel()
    for call in rest { #expect(await call.value == .failure(.cancelled)) }
    #expect(gate.wasCancelled)
    #expect(await first.value == .success(10))
  }
}
