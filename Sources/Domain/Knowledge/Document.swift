package import FoundationEssentials

/// A piece of approved knowledge, with one or more revisions.
package struct Document: Hashable, Sendable {
  /// Its id.
  package let id: DocumentID
  /// The tenant.
  package let organizationID: OrganizationID
  /// The title of the current revision.
  package let title: String
  /// Where it comes from, if that was said.
  package let sourceURI: String?
  /// The current revision.
  package let currentRevisionID: RevisionID
  /// The current revision's number, from 1.
  package let revisionNumber: Int
  /// The metadata of the current revision.
  package let metadata: Metadata
  /// When the first revision was published.
  package let createdAt: Date
  /// When the current revision was published.
  package let updatedAt: Date

  /// Makes a document of its parts.
  package init(
    id: DocumentID, organizationID: OrganizationID, title: String, sourceURI: String?, currentRevisionID: RevisionID,
    revisionNumber: Int, metadata: Metadata, createdAt: Date, updatedAt: Date
  ) {
    self.id = id
    self.organizationID = organizationID
    self.title = title
    self.sourceURI = sourceURI
    self.currentRevisionID = currentRevisionID
    self.revisionNumber = revisionNumber
    self.metadata = metadata
    self.createdAt = createdAt
    self.updatedAt = updatedAt
  }
}

/// An immutable text of a document, visible from `publishedAt` until a newer one supersedes it.
package struct DocumentRevision: Hashable, Sendable {
  /// Its id.
  package let id: RevisionID
  /// The document.
  package let documentID: DocumentID
  /// Counts the document's revisions from 1.
  package let number: Int
  /// The title it was submitted under.
  package let title: String
  /// The media type that the text was extracted from.
  package let mediaType: MediaType
  /// SHA-256 of the text's UTF-8 bytes.
  package let contentHash: SecretHash
  /// The length of the text in UTF-8 bytes.
  package let byteCount: Int
  /// The submission that it came from.
  package let submissionID: SubmissionID
  /// Who submitted it: the user and the display name.
  package let submittedBy: UserID
  /// Who approved it.
  package let approvedBy: UserID
  /// From when on search finds it.
  package let publishedAt: Date
  /// From when on search finds a newer one instead; `nil` for the current revision.
  package let supersededAt: Date?

  /// Makes a revision of its parts.
  package init(
    id: RevisionID, documentID: DocumentID, number: Int, title: String, mediaType: MediaType, contentHash: SecretHash,
    byteCount: Int, submissionID: SubmissionID, submittedBy: UserID, approvedBy: UserID, publishedAt: Date,
    supersededAt: Date?
  ) {
    self.id = id
    self.documentID = documentID
    self.number = number
    self.title = title
    self.mediaType = mediaType
    self.contentHash = contentHash
    self.byteCount = byteCount
    self.submissionID = submissionID
    self.submittedBy = submittedBy
    self.approvedBy = approvedBy
    self.publishedAt = publishedAt
    self.supersededAt = supersededAt
  }
}

/// A span of a revision's text that is searched and cited as one.
package struct DocumentChunk: Hashable, Sendable {
  /// Its id.
  package let id: ChunkID
  /// Its place in the revision, from 0.
  package let ordinal: Int
  /// Where it starts in the revision's text, in UTF-8 bytes.
  package let startOffset: Int
  /// Where it ends, exclusive.
  package let endOffset: Int
  /// Exactly those bytes.
  package let text: String
  /// The headings above it, outermost first.
  package let headings: [String]
  /// The pages that it lies on; `nil` for formats without pages.
  package let pages: PageSpan?

  /// Makes a chunk of its parts.
  package init(
    id: ChunkID, ordinal: Int, startOffset: Int, endOffset: Int, text: String, headings: [String],
    pages: PageSpan? = nil
  ) {
    self.id = id
    self.ordinal = ordinal
    self.startOffset = startOffset
    self.endOffset = endOffset
    self.text = text
    self.headings = headings
    self.pages = pages
  }
}
