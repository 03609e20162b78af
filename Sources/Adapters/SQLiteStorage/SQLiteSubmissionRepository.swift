package import Application
package import Domain
import FoundationEssentials
import GRDB
import StoredJSON

/// Submissions in SQLite.
package struct SQLiteSubmissionRepository: SubmissionRepository {
  private let database: SQLiteDatabase

  /// Reads and writes the submissions of `database`.
  package init(_ database: SQLiteDatabase) { self.database = database }

  package func insert(
    _ submission: KnowledgeSubmission, content: SubmissionContent
  ) async throws(StorageFailure) {
    try await database.write { db in try db.insert(submission, content: content) }
  }

  package func submission(
    _ id: SubmissionID, in organization: OrganizationID
  ) async throws(StorageFailure) -> KnowledgeSubmission? {
    try await database.read { db in try db.submission(id, in: organization) }
  }

  package func content(
    of id: SubmissionID, in organization: OrganizationID
  ) async throws(StorageFailure) -> SubmissionContent? {
    try await database.read { db in
      try Row.fetchOne(
        db,
        cached: """
          SELECT s.content_kind, s.url, s.file_name, s.media_type, s.byte_count, s.collection_options, p.bytes
          FROM knowledge_submissions AS s LEFT JOIN submission_payloads AS p ON p.submission_id = s.id
          WHERE s.id = ? AND s.organization_id = ?
          """,
        arguments: [id.sql, organization.sql]
      ).map { row in try SubmissionContent(ContentSummary(row: row), payload: row.optional("bytes")) }
    }
  }

  package func submissions(
    in organization: OrganizationID, status: SubmissionStatus?, contributor: UserID?, page: PageRequest
  ) async throws(StorageFailure) -> Page<KnowledgeSubmission> {
    try await database.read { db in
      var conditions: [(sql: String, arguments: [DatabaseValue])] = [("organization_id = ?", [organization.sql])]
      if let status { conditions.append(("status = ?", [status.rawValue.sql])) }
      if let contributor { conditions.append(("contributor_id = ?", [contributor.sql])) }
      return try Page.fetch(
        db, select: "SELECT * FROM knowledge_submissions", where: conditions, time: "created_at", page: page,
        read: KnowledgeSubmission.init(row:))
    }
  }

  package func review(
    _ id: SubmissionID, in organization: OrganizationID, enqueuing job: IngestionJob?,
    _ decide:
      @escaping @Sendable (KnowledgeSubmission) -> Result<KnowledgeSubmission, KnowledgeSubmission.AlreadyReviewed>
  ) async throws(StorageFailure) -> Result<KnowledgeSubmission, KnowledgeSubmission.AlreadyReviewed> {
    try await database.write { db in
      guard let submission = try db.submission(id, in: organization) else { throw StorageFailure.notFound }
      let decision = decide(submission)
      guard case .success(let decided) = decision else { return decision }
      try db.execute(
        cached: """
          UPDATE knowledge_submissions SET status = ?, reviewed_by = ?, reviewed_at = ?, note = ?, job_id = ?
          WHERE id = ? AND organization_id = ?
          """,
        arguments: [
          decided.status.rawValue.sql, decided.reviewedBy.sql, decided.reviewedAt.sql, decided.note.sql,
          decided.jobID.sql, id.sql, organization.sql,
        ])
      if let job { try db.insert(job) }
      if let event = DomainEvent.reviewed(decided) { try db.record(event) }
      return decision
    }
  }
}

extension Database {
  /// A submission of a tenant.
  func submission(_ id: SubmissionID, in organization: OrganizationID) throws -> KnowledgeSubmission? {
    try Row.fetchOne(
      self, cached: "SELECT * FROM knowledge_submissions WHERE id = ? AND organization_id = ?",
      arguments: [id.sql, organization.sql]
    ).map(KnowledgeSubmission.init(row:))
  }

  /// Adds a submission with its content, and the event that it was made.
  func insert(_ submission: KnowledgeSubmission, content: SubmissionContent) throws {
    let head = [
      submission.id.sql, submission.organizationID.sql, submission.contributorID.sql, submission.title.sql,
    ]
    let tail = [
      try submission.metadata.mapValues(MetadataJSON.init).json(), submission.documentID.sql,
      submission.sourceURI.sql, submission.status.rawValue.sql, submission.reviewedBy.sql,
      submission.reviewedAt.sql, submission.note.sql, submission.jobID.sql, submission.createdAt.sql,
    ]
    try execute(
      cached: """
        INSERT INTO knowledge_submissions (id, organization_id, contributor_id, title, content_kind, url, file_name,
          media_type, byte_count, collection_options, metadata, document_id, source_uri, status, reviewed_by,
          reviewed_at, note, job_id, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: StatementArguments(head + (try submission.content.columns()) + tail))
    if let payload = content.payload {
      try execute(
        cached: "INSERT INTO submission_payloads (submission_id, bytes) VALUES (?, ?)",
        arguments: [submission.id.sql, payload])
    }
    try record(.created(submission))
  }
}
