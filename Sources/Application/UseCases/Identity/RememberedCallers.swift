import Domain
package import FoundationEssentials
import Synchronization

/// Who showed which secret a moment ago, so that a client with many requests a second is not looked up for each.
///
/// What ends a secret in this process forgets all of them at once, so it holds from the next request on; what ends one
/// elsewhere, in another replica or at the command line, holds when the moment is over.
package final class RememberedCallers: Sendable {
  /// The most secrets that are remembered.
  package static let maximumCount = 10_000

  /// Who a secret belongs to, and from when on it is refused.
  struct Found: Sendable {
    let principal: Principal
    let expiresAt: Date?
  }

  private struct Entry {
    let principal: Principal
    let since: Date
    let until: Date
  }

  private struct State {
    var entries: [SecretHash: Entry] = [:]
    /// Counts what was forgotten: a look-up that was under way meanwhile is not remembered.
    var generation: UInt64 = 0
  }

  private let lifetime: TimeInterval
  private let state = Mutex(State())

  /// Remembers nobody yet.
  ///
  /// - Parameter lifetime: for how long one is remembered, in seconds; 0 remembers nobody.
  package init(lifetime: TimeInterval) { self.lifetime = lifetime }

  /// How many are remembered.
  package var count: Int { state.withLock { $0.entries.count } }

  /// The principal of a secret, remembered or found; `nil` where none is found.
  func principal(
    of hash: SecretHash, at now: Date, find: () async throws(UseCaseFailure) -> Found?
  ) async throws(UseCaseFailure) -> Principal? {
    guard lifetime > 0 else { return try await find()?.principal }
    let (known, generation) = state.withLock { state in
      let entry = state.entries[hash]
      // A clock that was put back is no reason to remember for longer.
      return (entry.flatMap { $0.since <= now && now < $0.until ? $0.principal : nil }, state.generation)
    }
    if let known { return known }
    guard let found = try await find() else { return nil }
    let until = min(now.addingTimeInterval(lifetime), found.expiresAt ?? .distantFuture)
    state.withLock { state in
      guard state.generation == generation else { return }
      if state.entries.count >= Self.maximumCount, state.entries[hash] == nil {
        state.entries = state.entries.filter { now < $0.value.until }
        if state.entries.count >= Self.maximumCount { state.entries = [:] }
      }
      state.entries[hash] = Entry(principal: found.principal, since: now, until: until)
    }
    return found.principal
  }

  /// Looks everybody up anew from now on: called once a session, a key, an account or a role has changed.
  func forget() {
    state.withLock { state in
      state.generation += 1
      state.entries = [:]
    }
  }
}
