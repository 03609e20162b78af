/// Keeps calls away from a target that fails, and lets one through now and then to see whether it is well again.
///
/// Closed: all calls pass; so many failures in a row open it. Open: none passes for a while. Half-open: one call passes
/// and decides. Besides, a target that asks for a rest is given it, whatever the state.
///
/// Source: M. Nygard, "Release It!", "Circuit Breaker". Times are since any fixed instant of a clock that only goes up.
package struct CircuitBreaker: Hashable, Sendable {
  /// What an operator may change.
  package struct Settings: Hashable, Sendable {
    /// Failures in a row that open it, above 0.
    package var threshold = 5
    /// How long it stays open.
    package var openTime: Duration = .seconds(30)

    /// The standard settings.
    package init() {}
  }

  /// Whether a call may pass.
  package enum Admission: Hashable, Sendable {
    /// It may.
    case passes
    /// It may, and its end alone decides whether others may.
    case probes
    /// It may not before this time has passed.
    case waits(Duration)
  }

  private enum State: Hashable, Sendable {
    case closed(failures: Int)
    case open(until: Duration)
    case halfOpen(since: Duration)
  }

  private let settings: Settings
  private var state = State.closed(failures: 0)
  private var restsUntil = Duration.zero

  /// Makes a closed one.
  package init(_ settings: Settings = Settings()) { self.settings = settings }

  /// Asks to pass; whoever passes tells the end by ``succeed()``, ``fail(at:)`` or ``abandon()``.
  package mutating func admit(at now: Duration) -> Admission {
    if restsUntil > now { return .waits(restsUntil - now) }
    switch state {
    case .closed: return .passes
    case .open(let until):
      guard until <= now else { return .waits(until - now) }
      state = .halfOpen(since: now)
      return .probes
    case .halfOpen: return .waits(.seconds(1))
    }
  }

  /// The target answered.
  package mutating func succeed() { state = .closed(failures: 0) }

  /// The target failed.
  package mutating func fail(at now: Duration) {
    switch state {
    case .closed(let failures) where failures + 1 < settings.threshold: state = .closed(failures: failures + 1)
    // A call that passed before it opened says nothing new.
    case .open: break
    default: state = .open(until: now + settings.openTime)
    }
  }

  /// The call ended without a word about the target, by cancellation; a probe leaves its turn to the next call.
  package mutating func abandon(at now: Duration) {
    if case .halfOpen = state { state = .open(until: now) }
  }

  /// The target asked to be left alone for a while.
  package mutating func rest(for time: Duration, at now: Duration) { restsUntil = max(restsUntil, now + time) }
}
