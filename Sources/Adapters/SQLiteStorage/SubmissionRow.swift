import Domain
import FoundationEssentials
import GRDB
import StoredJSON

extension KnowledgeSubmission {
  /// Reads a row of `knowledge_submissions`.
  init(row: Row) throws {
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"),
      contributorID: try row.id("contributor_id"), title: try row.value("title"),
      content: try ContentSummary(row: row),
      metadata: try row.json("metadata", as: [String: MetadataJSON].self).mapValues(\.value),
      documentID: try row.optionalID("document_id"), sourceURI: try row.optional("source_uri"),
      status: try row.enumeration("status"), reviewedBy: try row.optionalID("reviewed_by"),
      reviewedAt: try row.optionalTime("reviewed_at"), note: try row.optional("note"),
      jobID: try row.optionalID("job_id"), createdAt: try row.time("created_at"))
  }
}

extension ContentSummary {
  /// Reads the content columns of a row of `knowledge_submissions`.
  init(row: Row) throws {
    switch try row.value("content_kind", as: String.self) {
    case "text": self = .text(byteCount: try row.value("byte_count"))
    case "url": self = .url(try row.value("url"))
    case "file":
      self = .file(
        name: try row.value("file_name"), mediaType: MediaType(try row.value("media_type", as: String.self)),
        byteCount: try row.value("byte_count"))
    case "crawl":
      let options = try row.json("collection_options", as: CollectionOptionsJSON.self)
      guard let spec = options.crawl(of: try row.value("url")) else {
        throw UnreadableValue(column: "collection_options")
      }
      self = .crawl(spec)
    case "repository":
      let options = try row.json("collection_options", as: CollectionOptionsJSON.self)
      self = .repository(options.repository(at: try row.value("url")))
    case "records": self = .records(name: try row.value("file_name"), byteCount: try row.value("byte_count"))
    default: throw UnreadableValue(column: "content_kind")
    }
  }

  /// The values of `content_kind`, `url`, `file_name`, `media_type`, `byte_count`, `collection_options`.
  func columns() throws -> [DatabaseValue] {
    let options = try CollectionOptionsJSON(self)?.json() ?? .null
    return switch self {
    case .text(let byteCount): ["text".sql, .null, .null, .null, byteCount.databaseValue, options]
    case .url(let url): ["url".sql, url.sql, .null, .null, .null, options]
    case .file(let name, let mediaType, let byteCount):
      ["file".sql, .null, name.sql, mediaType.name.sql, byteCount.databaseValue, options]
    case .crawl(let spec): ["crawl".sql, spec.url.sql, .null, .null, .null, options]
    case .repository(let spec): ["repository".sql, spec.location.sql, .null, .null, .null, options]
    case .records(let name, let byteCount):
      ["records".sql, .null, name.sql, .null, byteCount.databaseValue, options]
    }
  }
}

extension SubmissionContent {
  /// The bytes that lie apart, if any.
  var payload: Data? {
    switch self {
    case .text(let text): Data(text.utf8)
    case .url, .crawl, .repository: nil
    case .file(_, _, let bytes), .records(_, let bytes): bytes
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
