import Domain

extension Document {
  /// A document joined with its current revision; the caller adds the conditions.
  static let selection: SQL = """
    SELECT d.id, d.organization_id, r.title, d.source_uri, r.id AS revision_id, r.number, r.metadata, d.created_at,
      d.updated_at
    FROM documents AS d JOIN document_revisions AS r ON r.document_id = d.id AND r.superseded_at IS NULL
    """

  /// Reads a row of ``selection``.
  init(row: PostgresRow) throws {
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"), title: try row.value("title"),
      sourceURI: try row.optional("source_uri"), currentRevisionID: try row.id("revision_id"),
      revisionNumber: try row.value("number"), metadata: try Metadata(row: row),
      createdAt: try row.time("created_at"), updatedAt: try row.time("updated_at"))
  }
}

extension DocumentRevision {
  /// The columns of `document_revisions` but for the text, which may be long.
  static let columns: SQL = """
    r.id, r.document_id, r.number, r.title, r.media_type, r.content_hash, r.byte_count, r.submission_id, r.submitted_by,
    r.approved_by, r.published_at, r.superseded_at
    """

  /// Reads ``columns``.
  init(row: PostgresRow) throws {
    self.init(
      id: try row.id("id"), documentID: try row.id("document_id"), number: try row.value("number"),
      title: try row.value("title"), mediaType: MediaType(try row.value("media_type", as: String.self)),
      contentHash: try row.hash("content_hash"), byteCount: try row.value("byte_count"),
      submissionID: try row.id("submission_id"), submittedBy: try row.id("submitted_by"),
      approvedBy: try row.id("approved_by"), publishedAt: try row.time("published_at"),
      supersededAt: try row.optionalTime("superseded_at"))
  }

  /// The statement that stores it.
  func insertion(text: String, metadata: Metadata, in organization: OrganizationID) throws -> SQL {
    """
    INSERT INTO document_revisions (id, document_id, organization_id, number, title, media_type, content_hash,
      byte_count, metadata, tags, submission_id, submitted_by, approved_by, published_at, text)
    VALUES (\(id), \(documentID), \(organization), \(number), \(title), \(mediaType.name), \(contentHash),
      \(byteCount), \(try metadata.column()), \(metadata.tags), \(submissionID), \(submittedBy), \(approvedBy),
      \(publishedAt), \(text))
    """
  }
}
