package import Application
import Domain
package import FoundationEssentials

/// The outbox in PostgreSQL.
package struct PostgresEventOutbox: EventOutbox {
  private let database: PostgresDatabase

  /// Hands on the events of `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func claim(
    limit: Int, at time: Date, leaseFor duration: TimeInterval
  ) async throws(StorageFailure) -> EventBatch? {
    guard limit > 0 else { return nil }
    let token = UUID()
    let events = try await database.change(
      in: nil,
      """
      SELECT * FROM claim_events(\(token), \(Int32(clamping: limit)), \(time), \(time.addingTimeInterval(duration)))
      """, DomainEvent.init(row:))
    return events.isEmpty ? nil : EventBatch(events: events, token: token)
  }

  @discardableResult
  package func acknowledge(_ batch: EventBatch, at time: Date) async throws(StorageFailure) -> Int {
    try await count("acknowledge_events(\(batch.token), \(time))")
  }

  @discardableResult
  package func deleteEvents(occurredBefore time: Date) async throws(StorageFailure) -> Int {
    try await count("delete_events(\(time))")
  }

  private func count(_ call: SQL) async throws(StorageFailure) -> Int {
    try await database.change(in: nil, "SELECT \(call) AS count") { row in try row.value("count", as: Int.self) }.first
      ?? 0
  }
}
