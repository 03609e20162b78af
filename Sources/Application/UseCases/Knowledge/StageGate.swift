import Synchronization

/// The entry of a stage: lets in what has room together, in the order in which it came; what waits outside is the
/// stage's queue.
///
/// The queue is bounded by whoever comes: there is one place in it for each worker, who takes nothing else meanwhile.
package final class StageGate: Sendable {
  private struct Waiter {
    let id: UInt64
    let weight: Int
    let continuation: CheckedContinuation<Bool, Never>
  }

  private struct State {
    var free: Int
    var waiting: [Waiter] = []
    var nextID: UInt64 = 0
  }

  private let capacity: Int
  private let state: Mutex<State>

  /// Makes a gate.
  ///
  /// - Parameter capacity: how much may be inside at once, in the unit of the weights; at least 1.
  package init(capacity: Int) {
    self.capacity = max(1, capacity)
    state = Mutex(State(free: max(1, capacity)))
  }

  /// How many wait outside.
  package var queueLength: Int { state.withLock { $0.waiting.count } }

  /// Runs `body` inside.
  ///
  /// - Parameter weight: how much room it takes; what weighs more than the capacity has the stage for itself.
  /// - Returns: `nil`, without running `body`, when the task is cancelled before there is room.
  /// - Throws: what `body` throws.
  package func pass<Value, Failure: Error>(
    weight: Int = 1, _ body: () async throws(Failure) -> Value
  ) async throws(Failure) -> Value? {
    let weight = min(max(0, weight), capacity)
    guard await enter(weight) else { return nil }
    defer { leave(weight) }
    return try await body()
  }

  private func enter(_ weight: Int) async -> Bool {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isIn: Bool? = state.withLock { state in
          if Task.isCancelled { return false }
          if state.waiting.isEmpty, state.free >= weight {
            state.free -= weight
            return true
          }
          state.waiting.append(Waiter(id: id, weight: weight, continuation: continuation))
          return nil
        }
        if let isIn { continuation.resume(returning: isIn) }
      }
    } onCancel: {
      let (withdrawn, admitted) = state.withLock { state -> (Waiter?, [Waiter]) in
        guard let place = state.waiting.firstIndex(where: { $0.id == id }) else { return (nil, []) }
        let waiter = state.waiting.remove(at: place)
        // It may have been all that kept those behind it out.
        return (waiter, Self.admit(&state))
      }
      withdrawn?.continuation.resume(returning: false)
      for waiter in admitted { waiter.continuation.resume(returning: true) }
    }
  }

  private func leave(_ weight: Int) {
    let admitted = state.withLock { state in
      state.free += weight
      return Self.admit(&state)
    }
    for waiter in admitted { waiter.continuation.resume(returning: true) }
  }

  /// Those at the head of the queue that there is room for now.
  private static func admit(_ state: inout State) -> [Waiter] {
    var admitted: [Waiter] = []
    while let first = state.waiting.first, state.free >= first.weight {
      state.free -= first.weight
      admitted.append(state.waiting.removeFirst())
    }
    return admitted
  }
}
