import Synchronization

/// Ends a provider's call that takes too long, and keeps what is known of it meanwhile.
final class ReplyWatch: Sendable {
  /// Which time ran out.
  enum Expiry: Error, Hashable {
    case firstToken, gap, whole
  }

  private struct State {
    /// When the provider must have sent something, and what it is if not; `nil` while the reader has the turn.
    var next: (deadline: ContinuousClock.Instant, expiry: Expiry)?
  }

  private let end: ContinuousClock.Instant
  private let gap: Duration
  /// The shortest time that a deadline is ever away when it is set: no sleep is longer, so none is overslept.
  private let stride: Duration
  private let state: Mutex<State>

  init(firstToken: Duration, gap: Duration, whole: Duration) {
    let now = ContinuousClock.now
    end = now + whole
    self.gap = gap
    stride = min(gap, firstToken)
    state = Mutex(State(next: (now + firstToken, .firstToken)))
  }

  /// The reader has the turn: the provider is not waited for.
  func pause() { state.withLock { $0.next = nil } }

  /// The provider has the turn again.
  func resume() { state.withLock { $0.next = (.now + gap, .gap) } }

  /// Runs a call until it is done or a time runs out; it is cancelled then, and has ended when this returns.
  func run<Value: Sendable>(_ call: @escaping @Sendable () async throws -> Value) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
      group.addTask { try await call() }
      group.addTask { throw try await self.expiry() }
      defer { group.cancelAll() }
      guard let value = try await group.next() else { throw CancellationError() }
      return value
    }
  }

  /// Waits until a time has run out.
  private func expiry() async throws -> Expiry {
    while true {
      let now = ContinuousClock.now
      if now >= end { return .whole }
      let next = state.withLock { $0.next }
      if let next, now >= next.deadline { return next.expiry }
      try await Task.sleep(until: min(end, next?.deadline ?? end, now + stride), clock: .continuous)
    }
  }
}
