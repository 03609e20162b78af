import Synchronization

/// A call that waits for a connection.
final class PoolWaiter: Sendable {
  typealias Outcome = Result<PostgresConnection, any Error>

  private enum State {
    case new
    case waiting(CheckedContinuation<Outcome, Never>)
    case done(Outcome)
  }

  /// When it is refused, in nanoseconds of the monotonic clock.
  let deadline: UInt64
  private let state = Mutex(State.new)

  init(deadline: UInt64) { self.deadline = deadline }

  /// Resumes the continuation with the outcome, which may be there already.
  func wait(_ continuation: CheckedContinuation<Outcome, Never>) {
    let outcome: Outcome? = state.withLock { state in
      if case .done(let outcome) = state { return outcome }
      state = .waiting(continuation)
      return nil
    }
    if let outcome { continuation.resume(returning: outcome) }
  }

  /// Gives it its outcome. Who takes it out of the pool's queue, under the pool's lock, does so, once.
  func resume(_ outcome: Outcome) {
    let continuation: CheckedContinuation<Outcome, Never>? = state.withLock { state in
      defer { state = .done(outcome) }
      if case .waiting(let continuation) = state { return continuation }
      return nil
    }
    continuation?.resume(returning: outcome)
  }
}
