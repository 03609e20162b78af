import Domain
import FoundationEssentials
import GRDB

extension DomainEvent {
  /// Reads a row of `outbox`.
  init(row: Row) throws {
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"), kind: try row.enumeration("kind"),
      subjectID: try row.value("subject_id"), attributes: try row.json("payload"),
      occurredAt: try row.time("occurred_at"))
  }
}

extension Database {
  /// Writes an event, within the transaction of its change.
  func record(_ event: DomainEvent) throws {
    try execute(
      cached: """
        INSERT INTO outbox (id, organization_id, kind, subject_id, payload, occurred_at) VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        event.id.sql, event.organizationID.sql, event.kind.rawValue.sql, event.subjectID.databaseValue,
        try event.attributes.json(), event.occurredAt.sql,
      ])
  }
}
