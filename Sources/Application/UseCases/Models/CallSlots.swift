import Synchronization

/// Lets so many calls run at once and so many more wait for their turn, first come, first served.
package final class CallSlots: Sendable {
  private enum Turn {
    case comes, isFull, cancelled
  }

  private struct State {
    var running = 0
    var next = 0
    var waiting: [(id: Int, continuation: CheckedContinuation<Turn, Never>)] = []
  }

  private let name: String
  private let limit: Int
  private let queue: Int
  private let state = Mutex(State())

  /// Makes slots for the model of a name.
  ///
  /// - Parameters:
  ///   - limit: calls at once, above 0.
  ///   - queue: calls that may wait, 0 or above.
  package init(name: String, limit: Int, queue: Int) {
    self.name = name
    self.limit = limit
    self.queue = queue
  }

  /// Calls that run and calls that wait.
  package var load: (running: Int, waiting: Int) { state.withLock { ($0.running, $0.waiting.count) } }

  /// Runs a call when its turn has come.
  ///
  /// - Throws: `.exhausted` at once when the queue is full; `.cancelled` at once when the task is cancelled while it
  ///   waits; what `call` throws.
  package func run<Value: Sendable>(
    _ call: () async throws(ModelFailure) -> Value
  ) async throws(ModelFailure) -> Value {
    switch await turn() {
    case .comes: break
    case .isFull: throw .exhausted("too many questions wait for the model \(name); try again")
    case .cancelled: throw .cancelled
    }
    defer { leave() }
    return try await call()
  }

  private func turn() async -> Turn {
    let id = state.withLock { state in
      state.next += 1
      return state.next
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let turn: Turn? = state.withLock { state in
          // Cancelling before this takes the lock finds nobody waiting, and is seen here.
          if Task.isCancelled { return .cancelled }
          if state.running < limit {
            state.running += 1
            return .comes
          }
          guard state.waiting.count < queue else { return .isFull }
          state.waiting.append((id, continuation))
          return nil
        }
        if let turn { continuation.resume(returning: turn) }
      }
    } onCancel: {
      let left = state.withLock { state in
        state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0).continuation }
      }
      left?.resume(returning: .cancelled)
    }
  }

  /// Hands the slot to the next in line.
  private func leave() {
    let next = state.withLock { state -> CheckedContinuation<Turn, Never>? in
      guard !state.waiting.isEmpty else {
        state.running -= 1
        return nil
      }
      return state.waiting.removeFirst().continuation
    }
    next?.resume(returning: .comes)
  }
}
