/// How the connections of a pool are used at one moment.
package struct PoolUsage: Hashable, Sendable {
  /// Connections that wait for use.
  package let idle: Int
  /// Connections in use.
  package let lent: Int
  /// Connections that are being opened.
  package let connecting: Int
  /// Calls that wait for a connection.
  package let waiting: Int
}

/// Who has what, decided under the pool's lock; what follows from a decision is done outside of it.
struct PoolState {
  /// What a decision makes necessary.
  enum Effect {
    case connect
    case close(PostgresConnection)
    case look(PostgresConnection)
    case resume(PoolWaiter, Result<PostgresConnection, any Error>)
    case retry(afterSeconds: Double)
    case expireWaiters(at: UInt64)
    case finish([CheckedContinuation<Void, Never>])
  }

  private struct Pooled {
    let connection: PostgresConnection
    let expiresAt: UInt64
    var idleSince: UInt64 = 0
  }

  private let maximum: Int
  private let minimum: Int
  private let idleTimeout: UInt64
  private let maximumLifetime: Double
  private let healthCheckAfter: UInt64
  private let outageTolerance: UInt64

  /// The one that was used last is last, and used next.
  private var idle: [Pooled] = []
  private var lentOut: [ObjectIdentifier: Pooled] = [:]
  private var connecting = 0
  private var waiters: [PoolWaiter] = []
  /// Why the last attempt to connect failed, until one succeeds.
  private var failure: PostgresConnectionFailure?
  private var failures = 0
  private var failedAt: UInt64 = 0
  /// When the first of the attempts began that have failed without a success in between.
  private var failingSince: UInt64 = 0
  /// When the server last proved to be there: a connection was opened, or came back in order.
  private var lastProof: UInt64 = 0
  /// Whether connecting has failed for longer than is waited out: then nobody waits, and trying goes on by itself.
  private var isAway = false
  private var isRetryScheduled = false
  private var nextExpiry = UInt64.max
  private var isClosed = false
  private var closers: [CheckedContinuation<Void, Never>] = []

  init(_ configuration: PostgresConfiguration) {
    maximum = max(configuration.maximumConnections, 1)
    minimum = min(configuration.minimumConnections, maximum)
    idleTimeout = Self.nanoseconds(configuration.idleTimeout)
    maximumLifetime = configuration.maximumLifetime
    healthCheckAfter = Self.nanoseconds(configuration.healthCheckAfter)
    outageTolerance = Self.nanoseconds(configuration.outageTolerance)
  }

  var usage: PoolUsage {
    PoolUsage(idle: idle.count, lent: lentOut.count, connecting: connecting, waiting: waiters.count)
  }

  /// The connections in use.
  var lent: [PostgresConnection] { lentOut.values.map(\.connection) }

  /// Lends an idle connection, or lets `waiter` wait, unless the server is away.
  mutating func lend(
    to waiter: PoolWaiter, at now: UInt64
  ) -> (connection: PostgresConnection?, needsCheck: Bool, effects: [Effect]) {
    if isClosed { return (nil, false, [.resume(waiter, .failure(PostgresConnectionFailure.closed))]) }
    var effects: [Effect] = []
    while let pooled = idle.popLast() {
      guard pooled.connection.isUsable, pooled.expiresAt > now else {
        effects.append(.close(pooled.connection))
        continue
      }
      lentOut[ObjectIdentifier(pooled.connection)] = pooled
      return (pooled.connection, pooled.idleSince + healthCheckAfter < now, effects)
    }
    if isAway, let failure {
      return (nil, false, effects + [.resume(waiter, .failure(failure))] + connectWhereNeeded())
    }
    waiters.append(waiter)
    return (nil, false, effects + scheduleExpiry() + connectWhereNeeded())
  }

  /// Takes back what was lent.
  mutating func takeBack(_ connection: PostgresConnection, at now: UInt64) -> [Effect] {
    guard let pooled = lentOut.removeValue(forKey: ObjectIdentifier(connection)) else { return [] }
    guard !isClosed, connection.isUsable, pooled.expiresAt > now else {
      return [.close(connection)] + finishWhenEmpty() + connectWhereNeeded()
    }
    lastProof = now
    isAway = false
    return handOver(pooled, at: now)
  }

  /// Takes a new connection.
  mutating func add(_ connection: PostgresConnection, at now: UInt64) -> [Effect] {
    connecting -= 1
    failure = nil
    failures = 0
    lastProof = now
    isAway = false
    if isClosed { return [.close(connection)] + finishWhenEmpty() }
    // Shortened by up to a tenth, so that those that were opened together do not end together.
    let lifetime = Self.nanoseconds(maximumLifetime * Double.random(in: 0.9...1))
    return handOver(Pooled(connection: connection, expiresAt: now + lifetime), at: now) + connectWhereNeeded()
  }

  /// Notes that an attempt to connect failed. What waiting does not mend ends the waiting at once, and so does an
  /// outage that is longer than the tolerance.
  ///
  /// - Parameter start: when the attempt began: a server that does not answer has been away since then.
  mutating func fail(_ failure: PostgresConnectionFailure, startedAt start: UInt64, at now: UInt64) -> [Effect] {
    connecting -= 1
    if self.failure == nil { failingSince = start }
    self.failure = failure
    failures += 1
    failedAt = now
    if isClosed { return finishWhenEmpty() }
    if failure.isPermanent, lentOut.isEmpty, connecting == 0 {
      isAway = false
      return refuseWaiters(failure)
    }
    // A server without a connection left is there, and what is lent comes back.
    let isFull = failure == .refused(sqlState: "53300") && !lentOut.isEmpty
    isAway = !isFull && max(failingSince, lastProof) + outageTolerance <= now
    let refusals = isAway ? refuseWaiters(failure) : []
    guard isAway || !waiters.isEmpty, !isRetryScheduled else { return refusals }
    isRetryScheduled = true
    // Quick while somebody waits; each second when it takes longer, so that it is noticed soon when the server is back.
    let longest = isAway ? 1 : 0.25
    return refusals + [.retry(afterSeconds: min(0.025 * Double(1 << min(failures, 6)), longest))]
  }

  private mutating func refuseWaiters(_ failure: PostgresConnectionFailure) -> [Effect] {
    defer { waiters = [] }
    return waiters.map { .resume($0, .failure(failure)) }
  }

  /// Tries again to connect, after the pause.
  mutating func retry() -> [Effect] {
    isRetryScheduled = false
    return connectWhereNeeded()
  }

  /// Takes a waiter out of the queue; false when it has been served.
  mutating func withdraw(_ waiter: PoolWaiter) -> Bool {
    guard let index = waiters.firstIndex(where: { $0 === waiter }) else { return false }
    waiters.remove(at: index)
    return true
  }

  /// Refuses those who have waited for as long as they may.
  mutating func expireWaiters(at now: UInt64) -> [Effect] {
    nextExpiry = .max
    let failure = self.failure ?? (lentOut.count >= maximum ? .exhausted : .connectTimeout)
    let expired = waiters.filter { $0.deadline <= now }
    waiters.removeAll { $0.deadline <= now }
    return expired.map { .resume($0, .failure(failure)) } + scheduleExpiry()
  }

  /// Closes what is idle for too long, too old or dead, and opens what the minimum lacks.
  mutating func maintain(at now: UInt64) -> [Effect] {
    guard !isClosed else { return [] }
    var closed: [PostgresConnection] = []
    var surplus = idle.count + lentOut.count + connecting - minimum
    idle.removeAll { pooled in
      let isSurplus = surplus > 0 && pooled.idleSince + idleTimeout < now
      guard isSurplus || !pooled.connection.isUsable || pooled.expiresAt <= now else { return false }
      surplus -= 1
      closed.append(pooled.connection)
      return true
    }
    // While the server cannot be reached nobody is helped by trying all the time.
    let pause: UInt64 = 5_000_000_000
    let lacking = failure == nil ? -surplus : (connecting == 0 && failedAt + pause < now ? min(-surplus, 1) : 0)
    return closed.map(Effect.close) + idle.map { .look($0.connection) } + connect(lacking)
  }

  /// Drops an idle connection that ended on its own.
  mutating func drop(_ connection: PostgresConnection) { idle.removeAll { $0.connection === connection } }

  /// Refuses everyone from now on.
  mutating func close() -> [Effect] {
    isClosed = true
    isAway = false
    defer { (waiters, idle) = ([], []) }
    return waiters.map { .resume($0, .failure(PostgresConnectionFailure.closed)) } + idle.map { .close($0.connection) }
  }

  /// Resumes `closer` once nothing is lent or being opened; false when that is so already.
  mutating func waitUntilEmpty(_ closer: CheckedContinuation<Void, Never>) -> Bool {
    if lentOut.isEmpty, connecting == 0 { return false }
    closers.append(closer)
    return true
  }

  /// Lets those who wait for the end wait no longer.
  mutating func abandon() -> [Effect] {
    defer { closers = [] }
    return [.finish(closers)]
  }

  private mutating func handOver(_ pooled: Pooled, at now: UInt64) -> [Effect] {
    guard !waiters.isEmpty else {
      var pooled = pooled
      pooled.idleSince = now
      idle.append(pooled)
      return []
    }
    lentOut[ObjectIdentifier(pooled.connection)] = pooled
    return [.resume(waiters.removeFirst(), .success(pooled.connection))]
  }

  private mutating func connectWhereNeeded() -> [Effect] {
    let lacking = waiters.count - connecting
    if failure == nil { return connect(lacking) }
    return connecting == 0 && !isRetryScheduled ? connect(isAway ? 1 : min(lacking, 1)) : []
  }

  private mutating func connect(_ count: Int) -> [Effect] {
    let free = maximum - idle.count - lentOut.count - connecting
    let count = max(min(count, free), 0)
    connecting += count
    return Array(repeating: .connect, count: count)
  }

  private mutating func scheduleExpiry() -> [Effect] {
    guard let deadline = waiters.map(\.deadline).min(), deadline < nextExpiry else { return [] }
    nextExpiry = deadline
    return [.expireWaiters(at: deadline)]
  }

  private mutating func finishWhenEmpty() -> [Effect] {
    isClosed && lentOut.isEmpty && connecting == 0 ? abandon() : []
  }

  private static func nanoseconds(_ seconds: Double) -> UInt64 { UInt64(min(max(seconds, 0), 1e9) * 1e9) }
}
