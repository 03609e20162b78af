import Contract
import ServiceLifecycle

/// Looks whether the server can do its work, while somebody asks: at most once in an interval, however many ask.
package actor HealthMonitor {
  /// How old an answer may be, and how often watchers' services are looked at.
  package nonisolated let interval: Duration

  private let isServing: @Sendable () async -> Bool
  private var last: (status: Grpc_Health_V1_HealthCheckResponse.ServingStatus, at: ContinuousClock.Instant)?
  private var running: Task<Grpc_Health_V1_HealthCheckResponse.ServingStatus, Never>?

  /// Makes a monitor.
  ///
  /// - Parameter isServing: looks, which may take a while.
  package init(interval: Duration = .seconds(2), isServing: @escaping @Sendable () async -> Bool) {
    self.interval = interval
    self.isServing = isServing
  }

  /// The status, not older than the interval. A server that shuts down does not serve.
  func status() async -> Grpc_Health_V1_HealthCheckResponse.ServingStatus {
    if Task.isShuttingDownGracefully { return .notServing }
    if let last, ContinuousClock.now - last.at < interval { return last.status }
    if let running { return await running.value }
    let task = Task { [isServing] in
      await isServing() ? Grpc_Health_V1_HealthCheckResponse.ServingStatus.serving : .notServing
    }
    running = task
    let status = await task.value
    running = nil
    last = (status, .now)
    return status
  }

  /// Waits for an interval, or until the server is told to stop.
  nonisolated func wait() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [interval] in try await Task.sleep(for: interval) }
      group.addTask { try await gracefulShutdown() }
      try await group.next()
      group.cancelAll()
      // The one that loses ends by cancellation, which is no failure of the wait.
      while await group.nextResult() != nil {}
    }
  }
}
