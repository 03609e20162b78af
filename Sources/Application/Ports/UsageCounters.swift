package import FoundationEssentials

/// The counters that a ``UsageLedger`` keeps, for whoever removes those that are of no use any more.
package protocol UsageCounters: Sendable {
  /// Removes counters of all tenants that say nothing: their day is over, their requests have come back, and the account
  /// that they count for is no longer new. To the ledger it is as if nothing had been counted. A counter that a call is
  /// just being counted with is left for the next time.
  ///
  /// - Parameter limit: how many at most.
  /// - Returns: how many.
  func removeIdle(at time: Date, limit: Int) async throws(StorageFailure) -> Int
}
