import Domain

/// When each host may be asked next, in this process.
actor HostPace {
  /// How many hosts are remembered; beyond that those whose time has come are forgotten.
  private static let maximumHosts = 10_000
  private var next: [String: ContinuousClock.Instant] = [:]

  /// Takes a host's next turn, and says when it is.
  func turn(of origin: String, interval: Duration) -> ContinuousClock.Instant {
    let now = ContinuousClock.now
    if next.count >= Self.maximumHosts { next = next.filter { $0.value > now } }
    let turn = max(next[origin] ?? now, now)
    next[origin] = turn + interval
    return turn
  }
}
