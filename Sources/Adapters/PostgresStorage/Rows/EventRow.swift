import Domain
import FoundationEssentials

extension DomainEvent {
  /// Reads a row of `outbox`.
  init(row: PostgresRow) throws {
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"), kind: try row.enumeration("kind"),
      subjectID: try row.value("subject_id"), attributes: try row.json("payload"),
      occurredAt: try row.time("occurred_at"))
  }

  /// The statement that writes it, within the transaction of its change.
  func insertion() throws -> SQL {
    """
    INSERT INTO outbox (id, organization_id, kind, subject_id, payload, occurred_at)
    VALUES (\(id), \(organizationID), \(kind.rawValue), \(subjectID), \(try payload())::jsonb, \(occurredAt))
    """
  }

  /// The JSON text of the column `payload`.
  func payload() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(attributes), as: UTF8.self)
  }
}
