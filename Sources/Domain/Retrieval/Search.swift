package import FoundationEssentials

/// How passages are found.
package enum SearchMode: String, Sendable, CaseIterable {
  /// By the query's words: BM25.
  case lexical
  /// By meaning: cosine of embeddings.
  case semantic
  /// Both, fused by reciprocal rank.
  case hybrid
}

/// What narrows a search; every condition that is given must hold.
package struct SearchFilters: Hashable, Sendable {
  /// Only these documents, when not empty.
  package var documentIDs: Set<DocumentID>
  /// Only documents with at least one of these tags, when not empty.
  package var tags: Set<String>
  /// Only what this user submitted.
  package var contributorID: UserID?
  /// Only documents whose source starts with this.
  package var sourcePrefix: String?
  /// Only revisions published at or after this time.
  package var publishedAfter: Date?
  /// Only revisions published before this time.
  package var publishedBefore: Date?

  /// Makes filters; the default lets everything through.
  package init(
    documentIDs: Set<DocumentID> = [], tags: Set<String> = [], contributorID: UserID? = nil,
    sourcePrefix: String? = nil, publishedAfter: Date? = nil, publishedBefore: Date? = nil
  ) {
    self.documentIDs = documentIDs
    self.tags = tags
    self.contributorID = contributorID
    self.sourcePrefix = sourcePrefix
    self.publishedAfter = publishedAfter
    self.publishedBefore = publishedBefore
  }

  /// Whether nothing is narrowed.
  package var isEmpty: Bool { self == SearchFilters() }
}

/// Where a search looks: one tenant's chunks that were visible at a time and pass the filters.
package struct SearchScope: Hashable, Sendable {
  /// The tenant.
  package let organizationID: OrganizationID
  /// The time whose revisions are searched; `nil` for the current ones.
  package let asOf: Date?
  /// What narrows it.
  package let filters: SearchFilters

  /// Makes a scope.
  package init(organizationID: OrganizationID, asOf: Date? = nil, filters: SearchFilters = SearchFilters()) {
    self.organizationID = organizationID
    self.asOf = asOf
    self.filters = filters
  }
}

/// A chunk and how well it matched, higher being better; the scale is the ranking's own.
package struct ScoredChunk: Hashable, Sendable {
  /// The chunk.
  package let id: ChunkID
  /// Its score.
  package let score: Double

  /// Makes a scored chunk.
  package init(id: ChunkID, score: Double) {
    self.id = id
    self.score = score
  }
}

/// A chunk with what is shown of it.
package struct Passage: Hashable, Sendable {
  /// The chunk.
  package let chunk: DocumentChunk
  /// The document.
  package let documentID: DocumentID
  /// The revision.
  package let revisionID: RevisionID
  /// The title of that revision.
  package let title: String
  /// Who submitted it: a display name.
  package let submittedBy: String
  /// Who approved it: a display name.
  package let approvedBy: String

  /// Makes a passage of its parts.
  package init(
    chunk: DocumentChunk, documentID: DocumentID, revisionID: RevisionID, title: String, submittedBy: String,
    approvedBy: String
  ) {
    self.chunk = chunk
    self.documentID = documentID
    self.revisionID = revisionID
    self.title = title
    self.submittedBy = submittedBy
    self.approvedBy = approvedBy
  }
}

/// A passage that a search found.
package struct SearchHit: Hashable, Sendable {
  /// The passage.
  package let passage: Passage
  /// Its score, comparable within one answer only.
  package let score: Double

  /// Makes a hit.
  package init(passage: Passage, score: Double) {
    self.passage = passage
    self.score = score
  }
}
