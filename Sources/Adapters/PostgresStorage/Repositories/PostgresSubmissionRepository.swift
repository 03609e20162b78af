package import Application
package import Domain
import FoundationEssentials

/// Submissions in PostgreSQL.
package struct PostgresSubmissionRepository: SubmissionRepository {
  private let database: PostgresDatabase

  /// Reads and writes the submissions of `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func insert(
    _ submission: KnowledgeSubmission, content: SubmissionContent
  ) async throws(StorageFailure) {
    try await database.write(in: submission.organizationID) { transaction in
      try await transaction.execute(try submission.insertions(of: content))
    }
  }

  package func submission(
    _ id: SubmissionID, in organization: OrganizationID
  ) async throws(StorageFailure) -> KnowledgeSubmission? {
    try await database.fetchFirst(
      in: organization, "SELECT * FROM knowledge_submissions WHERE id = \(id) AND organization_id = \(organization)"
    ) { row in try KnowledgeSubmission(row: row) }
  }

  package func content(
    of id: SubmissionID, in organization: OrganizationID
  ) async throws(StorageFailure) -> SubmissionContent? {
    try await database.fetchFirst(
      in: organization,
      """
      SELECT s.content_kind, s.url, s.file_name, s.media_type, s.byte_count, s.collection_options, p.bytes
      FROM knowledge_submissions AS s LEFT JOIN submission_payloads AS p ON p.submission_id = s.id
      WHERE s.id = \(id) AND s.organization_id = \(organization)
      """
    ) { row in try SubmissionContent(ContentSummary(row: row), payload: row.optional("bytes")) }
  }

  package func submissions(
    in organization: OrganizationID, status: SubmissionStatus?, contributor: UserID?, page: PageRequest
  ) async throws(StorageFailure) -> Page<KnowledgeSubmission> {
    var conditions: [SQL] = ["organization_id = \(organization)"]
    // Spelled out for the sake of partial indexes, which a parameter cannot be matched with.
    if let status { conditions.append("status = '\(raw: status.rawValue)'") }
    if let contributor { conditions.append("contributor_id = \(contributor)") }
    return try await database.page(
      in: organization, "SELECT * FROM knowledge_submissions", where: conditions, time: "created_at", page
    ) { row in try KnowledgeSubmission(row: row) }
  }

  package func review(
    _ id: SubmissionID, in organization: OrganizationID, enqueuing job: IngestionJob?,
    _ decide:
      @escaping @Sendable (KnowledgeSubmission) -> Result<KnowledgeSubmission, KnowledgeSubmission.AlreadyReviewed>
  ) async throws(StorageFailure) -> Result<KnowledgeSubmission, KnowledgeSubmission.AlreadyReviewed> {
    try await database.write(in: organization) { transaction in
      let row = try await transaction.first(
        """
        SELECT * FROM knowledge_submissions WHERE id = \(id) AND organization_id = \(organization) FOR UPDATE
        """)
      guard let row else { throw StorageFailure.notFound }
      let decision = decide(try KnowledgeSubmission(row: row))
      guard case .success(let decided) = decision else { return decision }
      var statements: [SQL] = [
        """
        UPDATE knowledge_submissions SET status = \(enumeration: decided.status), reviewed_by = \(decided.reviewedBy),
          reviewed_at = \(decided.reviewedAt), note = \(decided.note), job_id = \(decided.jobID)
        WHERE id = \(id) AND organization_id = \(organization)
        """
      ]
      if let job { statements.append(try job.insertion()) }
      if let event = DomainEvent.reviewed(decided) { statements.append(try event.insertion()) }
      try await transaction.execute(statements)
      return decision
    }
  }
}

extension KnowledgeSubmission {
  /// The statements that store it with its content, and the event that it was made.
  func insertions(of content: SubmissionContent) throws -> [SQL] {
    var statements = [try insertion()]
    if let payload = content.payload {
      statements.append(
        """
        INSERT INTO submission_payloads (submission_id, organization_id, bytes)
        VALUES (\(id), \(organizationID), \(payload))
        """)
    }
    return statements + [try DomainEvent.created(self).insertion()]
  }
}
