import Synchronization

/// How long something took, each time.
final class Times: Sendable {
  private let times = Mutex<[Double]>([])

  /// In the order of their ends.
  var milliseconds: [Double] { times.withLock { $0 } }

  /// Runs `body`.
  ///
  /// - Parameter counts: whether the time is kept.
  func measure<Value: Sendable>(_ counts: Bool, _ body: () async throws -> Value) async throws -> Value {
    let start = ContinuousClock.now
    let value = try await body()
    let time = (ContinuousClock.now - start) / .milliseconds(1)
    if counts { times.withLock { $0.append(time) } }
    return value
  }
}
