import Domain
import GRDB
import StoredJSON

extension Document {
  /// A document joined with its current revision; the caller adds the conditions.
  static let selection = """
    SELECT d.id, d.organization_id, r.title, d.source_uri, r.id AS revision_id, r.number, r.metadata, d.created_at,
      d.updated_at
    FROM documents AS d JOIN document_revisions AS r ON r.document_id = d.id AND r.superseded_at IS NULL
    """

  /// Reads a row of ``selection``.
  init(row: Row) throws {
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"), title: try row.value("title"),
      sourceURI: try row.optional("source_uri"), currentRevisionID: try row.id("revision_id"),
      revisionNumber: try row.value("number"),
      metadata: try row.json("metadata", as: [String: MetadataJSON].self).mapValues(\.value),
      createdAt: try row.time("created_at"), updatedAt: try row.time("updated_at"))
  }
}

extension DocumentRevision {
  /// The columns but for the text.
  static let columns = """
    id, document_id, number, title, media_type, content_hash, byte_count, submission_id, submitted_by, approved_by,
    published_at, superseded_at
    """

  /// Reads ``columns``.
  init(row: Row) throws {
    self.init(
      id: try row.id("id"), documentID: try row.id("document_id"), number: try row.value("number"),
      title: try row.value("title"), mediaType: MediaType(try row.value("media_type", as: String.self)),
      contentHash: try row.hash("content_hash"), byteCount: try row.value("byte_count"),
      submissionID: try row.id("submission_id"), submittedBy: try row.id("submitted_by"),
      approvedBy: try row.id("approved_by"), publishedAt: try row.time("published_at"),
      supersededAt: try row.optionalTime("superseded_at"))
  }
}
