package import FoundationEssentials

/// The kind of text a payload holds, by its IANA media type.
package struct MediaType: Hashable, Sendable, CustomStringConvertible {
  /// The type in lower case without parameters, such as `text/html`.
  package let name: String

  /// Takes the part before any `;`, trimmed and in lower case.
  package init(_ raw: String) {
    name =
      Self.isPlain(raw)
      ? raw
      : (raw.split(separator: ";", omittingEmptySubsequences: false).first ?? "").trimmingWhitespace().lowercased()
  }

  /// Whether a text has nothing but lower-case ASCII letters, `/` and `-`, as the name of most types: nothing of it is to be
  /// cut off or changed.
  package static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "-")
    }
  }

  /// `text/plain`.
  package static let plainText = MediaType("text/plain")
  /// `text/markdown`.
  package static let markdown = MediaType("text/markdown")
  /// `text/html`.
  package static let html = MediaType("text/html")
  /// `application/octet-stream`: unknown.
  package static let unknown = MediaType("application/octet-stream")

  /// The type name.
  package var description: String { name }
}

/// What was submitted, before extraction.
package enum SubmissionContent: Hashable, Sendable {
  /// Text typed or pasted in, taken as Markdown or plain text.
  case text(String)
  /// An address to fetch when the job runs.
  case url(String)
  /// A file's bytes.
  case file(name: String, mediaType: MediaType, bytes: Data)
  /// The pages of a web site, each a document.
  case crawl(CrawlSpec)
  /// The files of a git repository, each a document.
  case repository(RepositorySpec)
  /// JSON Lines, each line a document.
  case records(name: String, bytes: Data)
}

/// What a submission holds, without the bytes.
package enum ContentSummary: Hashable, Sendable {
  /// Text of this many UTF-8 bytes.
  case text(byteCount: Int)
  /// An address to fetch.
  case url(String)
  /// A file of this many bytes.
  case file(name: String, mediaType: MediaType, byteCount: Int)
  /// The pages of a web site.
  case crawl(CrawlSpec)
  /// The files of a git repository.
  case repository(RepositorySpec)
  /// JSON Lines of this many bytes.
  case records(name: String, byteCount: Int)

  /// Summarises a content.
  package init(_ content: SubmissionContent) {
    switch content {
    case .text(let text): self = .text(byteCount: text.utf8.count)
    case .url(let url): self = .url(url)
    case .file(let name, let mediaType, let bytes):
      self = .file(name: name, mediaType: mediaType, byteCount: bytes.count)
    case .crawl(let spec): self = .crawl(spec)
    case .repository(let spec): self = .repository(spec)
    case .records(let name, let bytes): self = .records(name: name, byteCount: bytes.count)
    }
  }

  /// Whether it brings many documents, each with a submission and a job of its own.
  package var isCollection: Bool {
    switch self {
    case .text, .url, .file: false
    case .crawl, .repository, .records: true
    }
  }
}

/// Where a submission stands.
package enum SubmissionStatus: String, Sendable, CaseIterable {
  /// Waits for a reviewer.
  case pending
  /// Approved: a job ingests it or has.
  case approved
  /// Rejected, with a note.
  case rejected
}

/// Knowledge that someone offers and a reviewer decides on.
package struct KnowledgeSubmission: Hashable, Sendable {
  /// The most characters of a title.
  package static let maximumTitleLength = 500
  /// The most characters of a reviewer's note.
  package static let maximumNoteLength = 4_000

  /// Its id.
  package let id: SubmissionID
  /// The tenant.
  package let organizationID: OrganizationID
  /// Who submitted it.
  package let contributorID: UserID
  /// What lists show, and the document's title.
  package let title: String
  /// What was submitted; the bytes are read apart, so that lists stay small.
  package let content: ContentSummary
  /// What the submitter said about it.
  package let metadata: Metadata
  /// The document that it revises, if the submitter named one; once indexed, the document that it became.
  package let documentID: DocumentID?
  /// Where it comes from (a URL, a `file:` path): a later submission with the same source revises the same document.
  package let sourceURI: String?
  /// Where it stands.
  package let status: SubmissionStatus
  /// Who decided.
  package let reviewedBy: UserID?
  /// When.
  package let reviewedAt: Date?
  /// What the reviewer wrote.
  package let note: String?
  /// The job that ingests it, once approved.
  package let jobID: JobID?
  /// When it was submitted.
  package let createdAt: Date

  /// Makes a submission of its parts.
  package init(
    id: SubmissionID, organizationID: OrganizationID, contributorID: UserID, title: String,
    content: ContentSummary, metadata: Metadata, documentID: DocumentID?, sourceURI: String?,
    status: SubmissionStatus = .pending, reviewedBy: UserID? = nil, reviewedAt: Date? = nil, note: String? = nil,
    jobID: JobID? = nil, createdAt: Date
  ) {
    self.id = id
    self.organizationID = organizationID
    self.contributorID = contributorID
    self.title = title
    self.content = content
    self.metadata = metadata
    self.documentID = documentID
    self.sourceURI = sourceURI
    self.status = status
    self.reviewedBy = reviewedBy
    self.reviewedAt = reviewedAt
    self.note = note
    self.jobID = jobID
    self.createdAt = createdAt
  }

  /// A review, once: a submission that is no longer pending cannot be decided again.
  package struct AlreadyReviewed: Error, Equatable {
    /// What was decided before.
    package let status: SubmissionStatus
  }

  /// The approved submission, ingested by `job`.
  package func approved(by reviewer: UserID, note: String?, job: JobID, at time: Date) throws(AlreadyReviewed) -> Self {
    try reviewed(as: .approved, by: reviewer, note: note, job: job, at: time)
  }

  /// The rejected submission.
  package func rejected(by reviewer: UserID, note: String, at time: Date) throws(AlreadyReviewed) -> Self {
    try reviewed(as: .rejected, by: reviewer, note: note, job: nil, at: time)
  }

  /// The submission once it is indexed: it names the document that it became, or the one that it revises.
  package func indexed(as document: DocumentID) -> Self {
    Self(
      id: id, organizationID: organizationID, contributorID: contributorID, title: title, content: content,
      metadata: metadata, documentID: documentID ?? document, sourceURI: sourceURI, status: status,
      reviewedBy: reviewedBy, reviewedAt: reviewedAt, note: note, jobID: jobID, createdAt: createdAt)
  }

  private func reviewed(
    as decision: SubmissionStatus, by reviewer: UserID, note: String?, job: JobID?, at time: Date
  ) throws(AlreadyReviewed) -> Self {
    guard status == .pending else { throw AlreadyReviewed(status: status) }
    return Self(
      id: id, organizationID: organizationID, contributorID: contributorID, title: title, content: content,
      metadata: metadata, documentID: documentID, sourceURI: sourceURI, status: decision, reviewedBy: reviewer,
      reviewedAt: time, note: note, jobID: job, createdAt: createdAt)
  }
}
