import Dispatch
import Synchronization

/// The connections of one database, shared by all who ask.
///
/// Who asks first is served first. Connections are opened when somebody waits for one; those that are idle for too long
/// or too old are closed, and the minimum is kept in the background. While the server cannot be reached one connection
/// attempt at a time is made, with a growing pause. Who asks meanwhile waits, so that a restart is not noticed; once
/// connecting has failed for the outage tolerance, everyone is refused at once, until an attempt succeeds.
final class PostgresPool: Sendable {
  let configuration: PostgresConfiguration
  let diagnostics: PostgresDiagnostics
  let queue = DispatchQueue(label: "postgres.pool")
  let state: Mutex<PoolState>

  init(configuration: PostgresConfiguration, diagnostics: @escaping PostgresDiagnostics) {
    self.configuration = configuration
    self.diagnostics = diagnostics
    state = Mutex(PoolState(configuration))
    maintain(after: 0)
  }

  /// How the connections are used at the moment.
  var usage: PoolUsage { state.withLock(\.usage) }

  /// Lends a connection until ``checkIn(_:)``; nobody else uses it meanwhile.
  ///
  /// - Throws: `PostgresConnectionFailure`, at the latest after the checkout time-out and at once in a longer outage, or
  ///   `CancellationError`.
  func checkOut() async throws -> PostgresConnection {
    let deadline = DispatchTime.now() + configuration.checkoutTimeout
    while true {
      try Task.checkCancellation()
      let (connection, needsCheck) = try await next(until: deadline)
      if !needsCheck { return connection }
      // Long idle: something between here and the server may have dropped it without a word.
      let isAlive = await connection.isAlive(within: min(2, configuration.checkoutTimeout / 2))
      if isAlive { return connection }
      await connection.close()
      checkIn(connection)
    }
  }

  /// Takes a connection back, for the next who waits; one that has ended, is in a transaction or too old is not kept.
  func checkIn(_ connection: PostgresConnection) {
    let effects = state.withLock { $0.takeBack(connection, at: Self.now) }
    run(effects)
  }

  /// Lends a connection to `body`.
  func withConnection<Value: Sendable>(
    _ body: (PostgresConnection) async throws -> Value
  ) async throws -> Value {
    let connection = try await checkOut()
    defer { checkIn(connection) }
    return try await body(connection)
  }

  /// Closes the pool: who waits is refused, idle connections close, and lent ones when they come back; what still runs
  /// after `grace` seconds is cancelled and its connection closed.
  func close(grace: Double) async {
    run(state.withLock { $0.close() })
    let abort = DispatchWorkItem { [self] in
      for connection in state.withLock(\.lent) { connection.abortSoon() }
    }
    // A body may still be busy with other things than its connection.
    let abandon = DispatchWorkItem { [self] in run(state.withLock { $0.abandon() }) }
    queue.asyncAfter(deadline: .now() + grace, execute: abort)
    queue.asyncAfter(deadline: .now() + grace + 1, execute: abandon)
    await withCheckedContinuation { continuation in
      if !state.withLock({ $0.waitUntilEmpty(continuation) }) { continuation.resume() }
    }
    abort.cancel()
    abandon.cancel()
  }

  private static var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

  private func next(until deadline: DispatchTime) async throws -> (PostgresConnection, needsCheck: Bool) {
    let waiter = PoolWaiter(deadline: deadline.uptimeNanoseconds)
    let (connection, needsCheck, effects) = state.withLock { $0.lend(to: waiter, at: Self.now) }
    run(effects)
    if let connection { return (connection, needsCheck) }
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { waiter.wait($0) }
    } onCancel: {
      // Who has been given a connection meanwhile keeps it: its first statement notices the cancellation.
      if state.withLock({ $0.withdraw(waiter) }) { waiter.resume(.failure(CancellationError())) }
    }
    return (try outcome.get(), false)
  }

  private func run(_ effects: [PoolState.Effect]) {
    for effect in effects {
      switch effect {
      case .connect: Task.detached { await self.connect() }
      case .close(let connection): connection.closeSoon()
      case .look(let connection): connection.lookSoon()
      case .resume(let waiter, let outcome): waiter.resume(outcome)
      case .retry(let pause):
        queue.asyncAfter(deadline: .now() + pause) { [weak self] in
          guard let self else { return }
          self.run(self.state.withLock { $0.retry() })
        }
      case .expireWaiters(let time):
        queue.asyncAfter(deadline: DispatchTime(uptimeNanoseconds: time)) { [weak self] in
          guard let self else { return }
          self.run(self.state.withLock { $0.expireWaiters(at: Self.now) })
        }
      case .finish(let closers): for closer in closers { closer.resume() }
      }
    }
  }

  private func connect() async {
    let connection = PostgresConnection(
      configuration: configuration,
      diagnostics: diagnostics,
      onNotification: nil,
      onEnd: { [weak self] connection in self?.state.withLock { $0.drop(connection) } }
    )
    do {
      try await connection.open()
      run(state.withLock { $0.add(connection, at: Self.now) })
    } catch {
      // Nobody cancels this task, so it is a failure to connect or what the first statement met.
      let failure = error as? PostgresConnectionFailure ?? .unreachable
      run(state.withLock { $0.fail(failure, startedAt: connection.createdAt, at: Self.now) })
    }
  }

  /// Looks after the idle connections from time to time, for as long as the pool is there.
  private func maintain(after pause: Double) {
    queue.asyncAfter(deadline: .now() + pause) { [weak self] in
      guard let self else { return }
      self.run(self.state.withLock { $0.maintain(at: Self.now) })
      let shortest = min(self.configuration.idleTimeout, self.configuration.maximumLifetime, 20)
      self.maintain(after: max(shortest / 4, 0.05))
    }
  }
}
