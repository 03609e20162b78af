/// How long to wait before another try: twice as long each time, and a random part of it, so that callers who failed
/// together do not come back together.
///
/// Source: AWS Architecture Blog, "Exponential Backoff And Jitter"; "equal jitter", so that a wait is never near zero.
package struct BackOff: Hashable, Sendable {
  /// The first wait, before jitter.
  package var base: Duration = .milliseconds(250)
  /// The longest wait, before jitter.
  package var maximum: Duration = .seconds(8)
  /// The longest wait that a provider's `Retry-After` may ask of a user who looks on; beyond it the call fails.
  package var patience: Duration = .seconds(15)

  /// The standard waits.
  package init() {}

  /// The wait after a failed round; `nil` when it would be longer than ``patience``.
  ///
  /// - Parameters:
  ///   - round: 0 after the first.
  ///   - notBefore: what the provider asks for at least.
  ///   - random: from 0 up to 1.
  package func wait(after round: Int, notBefore: Duration = .zero, random: Double) -> Duration? {
    let doubled = min(maximum, base * (1 << min(max(round, 0), 20)))
    let wait = max(doubled / 2 + doubled * (random / 2), notBefore)
    return wait <= patience ? wait : nil
  }
}
