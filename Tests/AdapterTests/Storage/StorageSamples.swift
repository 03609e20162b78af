import Application
import Domain
import Foundation

/// A time, in seconds after a fixed one.
func seconds(_ offset: Int64) -> Date { Date(microseconds: (1_790_000_000 + offset) * 1_000_000) }

/// A tenant other than the standard one.
let otherOrganization = OrganizationID(UUID())
/// The standard tenant.
let organization = Organization.standard.id

extension Identifier {
  /// A new id.
  static func random() -> Self { Identifier(UUID()) }

  /// An id of sixteen equal bytes, so that ids can be ordered at will.
  static func repeating(_ byte: UInt8) -> Self {
    let b = byte
    return Identifier(UUID(uuid: (b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b)))
  }
}

extension SecretHash {
  /// A stand-in for a digest: the same 32 bytes for the same text, others for another.
  static func sample(_ text: String) -> SecretHash {
    var state: UInt64 = 14_695_981_039_346_656_037
    for byte in text.utf8 { state = (state ^ UInt64(byte)) &* 1_099_511_628_211 }
    return SecretHash(
      (0..<32).map { index in
        state = (state ^ UInt64(index)) &* 1_099_511_628_211
        return UInt8(truncatingIfNeeded: state >> 32)
      })
  }
}

extension User {
  /// An account.
  static func sample(
    _ name: String, id: UserID = .random(), in organization: OrganizationID = organization,
    role: UserRole = .user, createdAt: Date = seconds(0)
  ) throws -> User {
    guard let email = EmailAddress("\(name)@example.org") else { throw StorageFailure.corrupt("sample") }
    return User(
      id: id, organizationID: organization, email: email, displayName: name.capitalized, role: role,
      createdAt: createdAt, updatedAt: createdAt)
  }
}

extension Session {
  /// A session of an hour.
  static func sample(of user: User, id: SessionID = .random(), createdAt: Date = seconds(0)) -> Session {
    Session(
      id: id, userID: user.id, organizationID: user.organizationID, role: user.role, createdAt: createdAt,
      expiresAt: Date(microseconds: createdAt.microseconds + 3_600_000_000), ipAddress: "127.0.0.1", userAgent: "test")
  }
}

extension Owner {
  /// Somebody.
  static func sample(in organization: OrganizationID = organization) -> Owner {
    Owner(organizationID: organization, userID: .random())
  }
}

extension Conversation {
  /// An empty conversation.
  static func sample(
    of owner: Owner, id: ConversationID = .random(), title: String = "Title", updatedAt: Date = seconds(0)
  ) -> Conversation {
    Conversation(
      id: id, organizationID: owner.organizationID, userID: owner.userID, title: title, createdAt: seconds(0),
      updatedAt: updatedAt)
  }
}

extension KnowledgeSubmission {
  /// A pending submission of text.
  static func sample(
    id: SubmissionID = .random(), in organization: OrganizationID = organization, by contributor: UserID = .random(),
    title: String = "Title", content: SubmissionContent = .text("text"), metadata: Metadata = [:],
    documentID: DocumentID? = nil, sourceURI: String? = nil, createdAt: Date = seconds(0)
  ) -> KnowledgeSubmission {
    KnowledgeSubmission(
      id: id, organizationID: organization, contributorID: contributor, title: title,
      content: ContentSummary(content), metadata: metadata, documentID: documentID, sourceURI: sourceURI,
      createdAt: createdAt)
  }
}

extension RevisionDraft {
  /// A draft with one chunk per paragraph of `text`.
  static func sample(
    _ text: String, title: String = "Title", documentID: DocumentID = .random(), revisionID: RevisionID = .random(),
    headings: [String] = [], pages: [PageSpan?] = [], chunkIDs: [ChunkID] = [], vectors: [[Float]] = [],
    model: String? = "model"
  ) -> RevisionDraft {
    var start = 0
    var chunks: [DocumentChunk] = []
    for (ordinal, paragraph) in text.components(separatedBy: "\n\n").enumerated() {
      let end = start + paragraph.utf8.count
      chunks.append(
        DocumentChunk(
          id: ordinal < chunkIDs.count ? chunkIDs[ordinal] : .random(), ordinal: ordinal, startOffset: start,
          endOffset: end, text: paragraph, headings: headings, pages: ordinal < pages.count ? pages[ordinal] : nil))
      start = end + 2
    }
    return RevisionDraft(
      newDocumentID: documentID, revisionID: revisionID, title: title, mediaType: .plainText, text: text,
      contentHash: .sample(text), chunks: chunks, embeddings: vectors.map(Embedding.init),
      embeddingModel: vectors.isEmpty ? nil : model)
  }
}

extension OpenStorage {
  /// Submits and approves, and answers with the id of the queued job.
  @discardableResult
  func queue(
    _ submission: KnowledgeSubmission = .sample(), job: JobID = .random(), at time: Date = seconds(1)
  ) async throws -> JobID {
    try await submissions.insert(submission, content: .text("text"))
    return try await approve(submission, job: job, at: time)
  }

  /// Approves a submission that is there.
  @discardableResult
  func approve(
    _ submission: KnowledgeSubmission, job: JobID = .random(), by reviewer: UserID = .random(), at time: Date
  ) async throws -> JobID {
    let queued = IngestionJob(
      id: job, organizationID: submission.organizationID, submissionID: submission.id, createdAt: time, updatedAt: time)
    let decision = try await submissions.review(
      submission.id, in: submission.organizationID, enqueuing: queued
    ) { found in
      Result { () throws(KnowledgeSubmission.AlreadyReviewed) in
        try found.approved(by: reviewer, note: nil, job: job, at: time)
      }
    }
    _ = try decision.get()
    return job
  }

  /// Takes a draft the whole way, from the submission to the published revision.
  @discardableResult
  func publish(
    _ draft: RevisionDraft, as submission: KnowledgeSubmission = .sample(), reviewer: UserID = .random(),
    at time: Date = seconds(10)
  ) async throws -> Publication {
    try await submissions.insert(submission, content: .text(draft.text))
    try await approve(submission, by: reviewer, at: time)
    guard let claimed = try await jobQueue.claim(by: "test", at: time, leaseFor: 30) else {
      throw StorageFailure.notFound
    }
    return try await jobQueue.publish(draft, under: claimed.lease, at: time)
  }

  /// Takes all events that wait.
  func drainEvents(at time: Date = seconds(1_000)) async throws -> [DomainEvent] {
    var events: [DomainEvent] = []
    while let batch = try await outbox.claim(limit: 100, at: time, leaseFor: 30) {
      events += batch.events
      try await outbox.acknowledge(batch, at: time)
    }
    return events
  }

  /// The ids that a search by words finds.
  func find(
    _ query: String, in organization: OrganizationID = organization, asOf: Date? = nil,
    filters: SearchFilters = SearchFilters(), limit: Int = 10
  ) async throws -> [ChunkID] {
    let scope = SearchScope(organizationID: organization, asOf: asOf, filters: filters)
    return try await passages.lexical(query, in: scope, limit: limit).map(\.id)
  }

  /// The ids that a search by a vector finds.
  func nearest(
    _ vector: [Float], model: String = "model", in organization: OrganizationID = organization, asOf: Date? = nil,
    filters: SearchFilters = SearchFilters(), limit: Int = 10
  ) async throws -> [ChunkID] {
    let scope = SearchScope(organizationID: organization, asOf: asOf, filters: filters)
    return try await passages.semantic(Embedding(vector), model: model, in: scope, limit: limit).map(\.id)
  }
}

/// Reads all pages of a list, `size` items at a time.
func allPages<Item>(
  size: Int, _ fetch: (PageRequest) async throws -> Page<Item>
) async throws -> (items: [Item], pages: Int) {
  var items: [Item] = []
  var pages = 0
  var after: PageCursor?
  repeat {
    let page = try await fetch(PageRequest(size: size, after: after))
    items += page.items
    pages += 1
    after = page.next
  } while after != nil && pages < 100
  return (items, pages)
}
