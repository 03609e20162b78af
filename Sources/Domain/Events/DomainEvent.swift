package import FoundationEssentials

/// Something that happened to a tenant's knowledge, for whoever wants to follow it.
///
/// The repositories write events in the transaction of the change: an event is there if and only if the change is.
package struct DomainEvent: Hashable, Sendable {
  /// What happened; the raw values are what consumers see.
  package enum Kind: String, Sendable, CaseIterable {
    /// Someone offered knowledge. The subject is the submission.
    case submissionCreated = "submission.created"
    /// A reviewer approved it, and its job is queued. The subject is the submission.
    case submissionApproved = "submission.approved"
    /// A reviewer rejected it. The subject is the submission.
    case submissionRejected = "submission.rejected"
    /// A new document became visible to search. The subject is the document.
    case documentPublished = "document.published"
    /// A document has a new current revision. The subject is the document.
    case documentRevised = "document.revised"
    /// A document is gone with all its revisions. The subject is the document.
    case documentDeleted = "document.deleted"
    /// A job has failed for good and waits for someone to look at it. The subject is the job.
    case jobFailed = "job.failed"
    /// Somebody stopped a job before it was done. The subject is the job.
    case jobCancelled = "job.cancelled"
    /// What a month's calls cost has reached a share of a budget. The subject is the budget.
    case budgetReached = "budget.reached"
  }

  /// Its id: a consumer that sees it twice has had it before.
  package let id: EventID
  /// The tenant.
  package let organizationID: OrganizationID
  /// What happened.
  package let kind: Kind
  /// What it happened to; the kind says what that is.
  package let subjectID: UUID
  /// What consumers want to know without asking: titles, ids, counts and reasons as text; never whole contents.
  package let attributes: [String: String]
  /// When it happened.
  package let occurredAt: Date

  /// Makes an event of its parts.
  package init(
    id: EventID, organizationID: OrganizationID, kind: Kind, subjectID: UUID, attributes: [String: String],
    occurredAt: Date
  ) {
    self.id = id
    self.organizationID = organizationID
    self.kind = kind
    self.subjectID = subjectID
    self.attributes = attributes
    self.occurredAt = occurredAt
  }
}

extension DomainEvent {
  /// A submission was stored; attributes `title`, `contributorId`.
  package static func created(_ submission: KnowledgeSubmission) -> DomainEvent {
    DomainEvent(
      .submissionCreated, submission.id, in: submission.organizationID,
      ["title": submission.title, "contributorId": submission.contributorID.description], at: submission.createdAt)
  }

  /// A submission was decided on; attributes `title`, `reviewerId`, and `jobId` when it was approved.
  ///
  /// - Returns: `nil` while it is pending.
  package static func reviewed(_ submission: KnowledgeSubmission) -> DomainEvent? {
    let kind: Kind
    switch submission.status {
    case .pending: return nil
    case .approved: kind = .submissionApproved
    case .rejected: kind = .submissionRejected
    }
    var attributes = ["title": submission.title]
    attributes["reviewerId"] = submission.reviewedBy?.description
    attributes["jobId"] = submission.jobID?.description
    return DomainEvent(
      kind, submission.id, in: submission.organizationID, attributes,
      at: submission.reviewedAt ?? submission.createdAt)
  }

  /// A revision became visible: the first publishes its document, each other revises it; attributes `title`,
  /// `revisionId`, `revisionNumber`, `submissionId`.
  package static func published(_ revision: DocumentRevision, in organization: OrganizationID) -> DomainEvent {
    DomainEvent(
      revision.number == 1 ? .documentPublished : .documentRevised, revision.documentID, in: organization,
      [
        "title": revision.title, "revisionId": revision.id.description, "revisionNumber": "\(revision.number)",
        "submissionId": revision.submissionID.description,
      ], at: revision.publishedAt)
  }

  /// A document was deleted; attribute `title`, that of its last revision.
  package static func deleted(
    _ document: DocumentID, title: String, in organization: OrganizationID, at time: Date
  ) -> DomainEvent {
    DomainEvent(.documentDeleted, document, in: organization, ["title": title], at: time)
  }

  /// A job has failed for good, as it is after that; attributes `submissionId`, `attempts`, `reason`.
  package static func failed(_ job: IngestionJob) -> DomainEvent {
    var attributes = ["submissionId": job.submissionID.description, "attempts": "\(job.attempts)"]
    attributes["reason"] = job.error
    return DomainEvent(.jobFailed, job.id, in: job.organizationID, attributes, at: job.updatedAt)
  }

  /// A job was cancelled, as it is after that; attribute `submissionId`.
  package static func cancelled(_ job: IngestionJob) -> DomainEvent {
    DomainEvent(
      .jobCancelled, job.id, in: job.organizationID, ["submissionId": job.submissionID.description], at: job.updatedAt)
  }

  /// A budget has reached a share; attributes `percent`, `spentMicros`, `limitMicros`, `month` (its first moment), and
  /// `userId` where it is a user's.
  package static func reached(_ alert: BudgetAlert, at time: Date) -> DomainEvent {
    let budget = alert.budget
    var attributes = [
      "percent": "\(alert.percent)", "spentMicros": "\(budget.spent)", "limitMicros": "\(budget.limit)",
      "month": budget.period.start.formatted(.iso8601),
    ]
    attributes["userId"] = budget.userID?.description
    return DomainEvent(.budgetReached, budget.id, in: budget.organizationID, attributes, at: time)
  }

  private init<Entity>(
    _ kind: Kind, _ subject: Identifier<Entity>, in organization: OrganizationID, _ attributes: [String: String],
    at time: Date
  ) {
    self.init(
      id: EventID.new(at: time), organizationID: organization, kind: kind, subjectID: subject.uuid,
      attributes: attributes, occurredAt: time)
  }
}

extension EventID {
  /// A new UUID of version 7 (RFC 9562 §5.7): the milliseconds of `time`, else random.
  fileprivate static func new(at time: Date) -> EventID {
    var bytes = UUID().uuid
    let milliseconds = UInt64(clamping: time.microseconds / 1_000)
    withUnsafeMutableBytes(of: &bytes) { bytes in
      for index in 0..<6 { bytes[index] = UInt8(truncatingIfNeeded: milliseconds >> (40 - 8 * UInt64(index))) }
      bytes[6] = 0x70 | bytes[6] & 0x0F
    }
    return EventID(UUID(uuid: bytes))
  }
}
