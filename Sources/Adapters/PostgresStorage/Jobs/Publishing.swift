import Application
import Domain
import FoundationEssentials

extension PostgresTransaction {
  /// Makes a revision visible to search and ends the job of the lease.
  ///
  /// What is locked, in this order, so that no two transactions wait for each other: the job, the source and the bytes
  /// of the revision (each a lock of its own, as there may be no row yet), the document, and last what the tenant's
  /// documents share in the search index.
  func publish(_ draft: RevisionDraft, under lease: JobLease, at time: Date) async throws -> Publication {
    let submission = try await leasedSubmission(lease)
    guard let approver = submission.reviewedBy else {
      throw StorageFailure.corrupt("job \(lease.jobID) has no reviewed submission")
    }
    guard draft.embeddings.isEmpty || (draft.embeddings.count == draft.chunks.count && draft.embeddingModel != nil)
    else { throw StorageFailure.conflict("embeddings") }

    try await lockIdentity(of: submission, bytes: draft.contentHash)
    let target = try await target(of: submission)
    let current = try await current(of: target, bytes: draft.contentHash, in: submission.organizationID)
    if let current, current.contentHash == draft.contentHash {
      try await execute(end(lease, of: submission, as: current.documentID, current.id, at: time))
      return .alreadyThere(current.documentID, current.id)
    }
    // A clock that was set back must not make a revision end before it began.
    let publishedAt = max(time, current?.publishedAt ?? time)
    let revision = DocumentRevision(
      id: draft.revisionID, documentID: target ?? draft.newDocumentID, number: (current?.number ?? 0) + 1,
      title: draft.title, mediaType: draft.mediaType, contentHash: draft.contentHash,
      byteCount: draft.text.utf8.count, submissionID: submission.id, submittedBy: submission.contributorID,
      approvedBy: approver, publishedAt: publishedAt, supersededAt: nil)
    try await execute(
      place(revision, of: submission, isNew: target == nil)
        + [
          revision.insertion(text: draft.text, metadata: submission.metadata, in: submission.organizationID),
          DomainEvent.published(revision, in: submission.organizationID).insertion(),
        ]
        + end(lease, of: submission, as: revision.documentID, revision.id, at: time))
    try await indexChunks(
      draft, of: revision.id, document: revision.documentID, in: submission.organizationID)
    return target == nil ? .created(revision.documentID, revision.id) : .revised(revision.documentID, revision.id)
  }

  /// The submission of a lease that holds; its job is locked.
  private func leasedSubmission(_ lease: JobLease) async throws -> KnowledgeSubmission {
    let row = try await first(
      """
      SELECT s.* FROM ingestion_jobs AS j JOIN knowledge_submissions AS s ON s.id = j.submission_id
      WHERE j.id = \(lease.jobID) AND j.organization_id = \(lease.organizationID) AND j.lease_token = \(lease.token)
      FOR UPDATE OF j
      """)
    guard let row else { throw LeaseFailure.lost }
    return try KnowledgeSubmission(row: row)
  }

  /// Makes others wait who publish from the same source, or the same bytes, for the tenant. Two that have both lock
  /// them in the same order.
  private func lockIdentity(of submission: KnowledgeSubmission, bytes: SecretHash) async throws {
    let hash = bytes.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    var names = ["opentier bytes \(submission.organizationID) \(hash)"]
    if let source = submission.sourceURI { names.append("opentier source \(submission.organizationID) \(source)") }
    try await execute(
      """
      SELECT pg_advisory_xact_lock(key)
      FROM (SELECT hashtextextended(name, 0) AS key FROM unnest(\(names)) AS name ORDER BY key) AS keys
      """)
  }

  /// The document that a submission revises, if any; it is locked.
  private func target(of submission: KnowledgeSubmission) async throws -> DocumentID? {
    if let named = submission.documentID {
      guard try await lockDocument(named, in: submission.organizationID) else { throw LeaseFailure.documentGone }
      return named
    }
    guard let source = submission.sourceURI else { return nil }
    guard let row = try await first("SELECT id FROM document_of_source(\(source)) AS id WHERE id IS NOT NULL"),
      // It may have been deleted in this moment: then its source is free.
      try await lockDocument(try row.id("id"), in: submission.organizationID)
    else { return nil }
    return try row.id("id")
  }

  /// The target's current revision; without a target the one that has these bytes, of the oldest document of the tenant
  /// that has them.
  private func current(
    of target: DocumentID?, bytes: SecretHash, in organization: OrganizationID
  ) async throws -> DocumentRevision? {
    let row =
      if let target {
        try await first(
          """
          SELECT \(DocumentRevision.columns) FROM document_revisions AS r
          WHERE r.document_id = \(target) AND r.organization_id = \(organization) AND r.superseded_at IS NULL
          """)
      } else {
        try await first(
          """
          SELECT \(DocumentRevision.columns) FROM document_revisions AS r JOIN documents AS d ON d.id = r.document_id
          WHERE r.organization_id = \(organization) AND r.content_hash = \(bytes) AND r.superseded_at IS NULL
          ORDER BY d.created_at, d.id LIMIT 1
          """)
      }
    return try row.map(DocumentRevision.init(row:))
  }

  /// Makes the document of a revision, or ends its current revision. A document without a source takes the
  /// submission's, unless another has it.
  private func place(_ revision: DocumentRevision, of submission: KnowledgeSubmission, isNew: Bool) -> [SQL] {
    let (document, organization, time) = (revision.documentID, submission.organizationID, revision.publishedAt)
    guard !isNew else {
      return [
        """
        INSERT INTO documents (id, organization_id, source_uri, created_at, updated_at)
        VALUES (\(document), \(organization), \(submission.sourceURI), \(time), \(time))
        """
      ]
    }
    let source: SQL =
      if let source = submission.sourceURI {
        """
        CASE WHEN source_uri IS NULL AND document_of_source(\(source)) IS NULL THEN \(source) ELSE source_uri END
        """
      } else {
        "source_uri"
      }
    return [
      """
      UPDATE document_revisions SET superseded_at = \(time)
      WHERE document_id = \(document) AND organization_id = \(organization) AND superseded_at IS NULL
      """,
      """
      UPDATE documents SET updated_at = \(time), source_uri = \(source)
      WHERE id = \(document) AND organization_id = \(organization)
      """,
    ]
  }

  /// Ends the job with what is there now, which the submission names from then on.
  private func end(
    _ lease: JobLease, of submission: KnowledgeSubmission, as document: DocumentID, _ revision: RevisionID,
    at time: Date
  ) -> [SQL] {
    [
      """
      UPDATE ingestion_jobs SET state = 'indexed', error = NULL, document_id = \(document), revision_id = \(revision),
        lease_owner = NULL, lease_token = NULL, lease_expires_at = NULL, run_after = NULL, updated_at = \(time)
      WHERE id = \(lease.jobID) AND organization_id = \(lease.organizationID)
      """,
      """
      UPDATE knowledge_submissions SET document_id = \(document)
      WHERE id = \(submission.id) AND organization_id = \(submission.organizationID) AND document_id IS NULL
      """,
    ]
  }
}
