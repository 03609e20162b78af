package import Domain
package import FoundationEssentials

/// Events that a consumer has claimed, to hand on and then to acknowledge.
package struct EventBatch: Sendable {
  /// The events, in the order in which they were written; at least one.
  package let events: [DomainEvent]
  /// Tells this claim from every other claim of the same events (a fencing token).
  package let token: UUID

  /// Makes a batch.
  package init(events: [DomainEvent], token: UUID) {
    self.events = events
    self.token = token
  }
}

/// The events that the repositories wrote, in the transactions of the changes, until somebody has taken them.
///
/// Delivery is at least once: events of a claim that is not acknowledged in time are claimed again. Nobody has to
/// consume them: the retention removes them, delivered or not.
package protocol EventOutbox: Sendable {
  /// Claims the oldest undelivered events over all tenants, in the order in which they were written.
  ///
  /// A tenant's events never overtake each other: none of a tenant is claimed while one of it is under a claim that
  /// holds. Events of transactions that ran at the same time have no order among each other.
  ///
  /// - Parameters:
  ///   - limit: how many at most; none below 1.
  ///   - leaseFor: how long the claim holds, in seconds.
  /// - Returns: `nil` when there is none.
  func claim(limit: Int, at time: Date, leaseFor: TimeInterval) async throws(StorageFailure) -> EventBatch?

  /// Marks a claim's events as delivered. Those that another claim has meanwhile, that are delivered already or gone
  /// stay as they are; a claim that ran out but was given to nobody else still counts.
  ///
  /// - Returns: how many were marked.
  @discardableResult
  func acknowledge(_ batch: EventBatch, at time: Date) async throws(StorageFailure) -> Int

  /// Removes the events that occurred before a time, delivered or not, and says how many.
  @discardableResult
  func deleteEvents(occurredBefore time: Date) async throws(StorageFailure) -> Int
}
