import Domain
import FoundationEssentials
import StoredJSON

extension KnowledgeSubmission {
  /// Reads a row of `knowledge_submissions`.
  ///
  /// - Parameter prefix: what the names of the columns have before them.
  init(row: PostgresRow, prefix: String = "") throws {
    self.init(
      id: try row.id(prefix + "id"), organizationID: try row.id(prefix + "organization_id"),
      contributorID: try row.id(prefix + "contributor_id"), title: try row.value(prefix + "title"),
      content: try ContentSummary(row: row, prefix: prefix),
      metadata: try Metadata(row: row, column: prefix + "metadata"),
      documentID: try row.optionalID(prefix + "document_id"), sourceURI: try row.optional(prefix + "source_uri"),
      status: try row.enumeration(prefix + "status"), reviewedBy: try row.optionalID(prefix + "reviewed_by"),
      reviewedAt: try row.optionalTime(prefix + "reviewed_at"), note: try row.optional(prefix + "note"),
      jobID: try row.optionalID(prefix + "job_id"), createdAt: try row.time(prefix + "created_at"))
  }

  /// The columns of `knowledge_submissions`.
  static let columns = [
    "id", "organization_id", "contributor_id", "title", "content_kind", "url", "file_name", "media_type", "byte_count",
    "metadata", "document_id", "source_uri", "status", "reviewed_by", "reviewed_at", "note", "job_id", "created_at",
    "collection_options",
  ]

  /// The statement that stores it.
  func insertion() throws -> SQL {
    """
    INSERT INTO knowledge_submissions (id, organization_id, contributor_id, title, content_kind, url, file_name,
      media_type, byte_count, collection_options, metadata, document_id, source_uri, status, reviewed_by, reviewed_at,
      note, job_id, created_at)
    VALUES (\(id), \(organizationID), \(contributorID), \(title), \(try content.columns()), \(try metadata.column()),
      \(documentID), \(sourceURI), \(enumeration: status), \(reviewedBy), \(reviewedAt), \(note), \(jobID),
      \(createdAt))
    """
  }
}

extension ContentSummary {
  /// Reads the content columns of a row of `knowledge_submissions`.
  init(row: PostgresRow, prefix: String = "") throws {
    switch try row.value(prefix + "content_kind", as: String.self) {
    case "text": self = .text(byteCount: try row.value(prefix + "byte_count"))
    case "url": self = .url(try row.value(prefix + "url"))
    case "file":
      self = .file(
        name: try row.value(prefix + "file_name"),
        mediaType: MediaType(try row.value(prefix + "media_type", as: String.self)),
        byteCount: try row.value(prefix + "byte_count"))
    case "crawl":
      let options = try row.json(prefix + "collection_options", as: CollectionOptionsJSON.self)
      guard let spec = options.crawl(of: try row.value(prefix + "url")) else {
        throw UnreadableValue(column: prefix + "collection_options")
      }
      self = .crawl(spec)
    case "repository":
      let options = try row.json(prefix + "collection_options", as: CollectionOptionsJSON.self)
      self = .repository(options.repository(at: try row.value(prefix + "url")))
    case "records":
      self = .records(name: try row.value(prefix + "file_name"), byteCount: try row.value(prefix + "byte_count"))
    default: throw UnreadableValue(column: prefix + "content_kind")
    }
  }

  /// The values of `content_kind`, `url`, `file_name`, `media_type`, `byte_count`, `collection_options`.
  func columns() throws -> SQL {
    let options = try CollectionOptionsJSON(self).map { try JSONB($0) }
    return switch self {
    case .text(let byteCount): "'text', NULL, NULL, NULL, \(byteCount), NULL"
    case .url(let url): "'url', \(url), NULL, NULL, NULL, NULL"
    case .file(let name, let mediaType, let byteCount):
      "'file', NULL, \(name), \(mediaType.name), \(byteCount), NULL"
    case .crawl(let spec): "'crawl', \(spec.url), NULL, NULL, NULL, \(options)"
    case .repository(let spec): "'repository', \(spec.location), NULL, NULL, NULL, \(options)"
    case .records(let name, let byteCount): "'records', NULL, \(name), NULL, \(byteCount), NULL"
    }
  }
}

extension SubmissionContent {
  /// The bytes that lie apart, if any.
  var payload: [UInt8]? {
    switch self {
    case .text(let text): Array(text.utf8)
    case .url, .crawl, .repository: nil
    case .file(_, _, let bytes), .records(_, let bytes): Array(bytes)
    }
  }

  /// Puts a summary and its bytes together again.
  init(_ summary: ContentSummary, payload: Data?) throws {
    switch (summary, payload) {
    case (.url(let url), _): self = .url(url)
    case (.crawl(let spec), _): self = .crawl(spec)
    case (.repository(let spec), _): self = .repository(spec)
    case (.records(let name, _), let payload?): self = .records(name: name, bytes: payload)
    case (.text, let payload?):
      guard let text = String(bytes: payload, encoding: .utf8) else { throw UnreadableValue(column: "bytes") }
      self = .text(text)
    case (.file(let name, let mediaType, _), let payload?):
      self = .file(name: name, mediaType: mediaType, bytes: payload)
    case (_, nil): throw UnreadableValue(column: "bytes")
    }
  }
}
