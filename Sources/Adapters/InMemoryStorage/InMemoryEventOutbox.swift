package import Application
import Domain
package import FoundationEssentials

/// The outbox in memory.
package struct InMemoryEventOutbox: EventOutbox {
  private let store: InMemoryStore

  /// Hands on the events of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func claim(
    limit: Int, at time: Date, leaseFor duration: TimeInterval
  ) async throws(StorageFailure) -> EventBatch? {
    try store.access { state in
      let waiting = state.outbox.indices.filter { !state.outbox[$0].isDelivered }
      let held = Set(
        waiting.filter { state.outbox[$0].lease.map { time < $0.expiresAt } ?? false }
          .map { state.outbox[$0].event.organizationID })
      let claimed = waiting.filter { !held.contains(state.outbox[$0].event.organizationID) }.prefix(max(limit, 0))
      guard !claimed.isEmpty else { return nil }
      let lease = OutboxRow.Lease(token: UUID(), expiresAt: time.addingTimeInterval(duration))
      for index in claimed { state.outbox[index].lease = lease }
      return EventBatch(events: claimed.map { state.outbox[$0].event }, token: lease.token)
    }
  }

  @discardableResult
  package func acknowledge(_ batch: EventBatch, at time: Date) async throws(StorageFailure) -> Int {
    try store.access { state in
      let held = state.outbox.indices.filter { state.outbox[$0].lease?.token == batch.token }
      for index in held {
        state.outbox[index].lease = nil
        state.outbox[index].isDelivered = true
      }
      return held.count
    }
  }

  @discardableResult
  package func deleteEvents(occurredBefore time: Date) async throws(StorageFailure) -> Int {
    try store.access { state in
      let before = state.outbox.count
      state.outbox.removeAll { $0.event.occurredAt < time }
      return before - state.outbox.count
    }
  }
}
