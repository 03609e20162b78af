package import Application
import Domain
package import FoundationEssentials

/// The counters of usage, in memory.
package struct InMemoryUsageCounters: UsageCounters {
  private let store: InMemoryStore

  /// Removes from `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func removeIdle(at time: Date, limit: Int) async throws(StorageFailure) -> Int {
    try store.access { state in
      let idle = state.usageCounters.filter { key, counter in
        let user = key.scope == .user ? state.users[UserID(key.subject)]?.user : nil
        return counter.isIdle(accountMadeAt: user?.createdAt, at: time)
      }
      let removed = idle.keys.prefix(max(0, limit))
      for key in removed { state.usageCounters[key] = nil }
      return removed.count
    }
  }
}
