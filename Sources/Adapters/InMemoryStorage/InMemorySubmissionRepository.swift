package import Application
package import Domain
import FoundationEssentials

/// Submissions in memory.
package struct InMemorySubmissionRepository: SubmissionRepository {
  private let store: InMemoryStore

  /// Reads and writes the submissions of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func insert(
    _ submission: KnowledgeSubmission, content: SubmissionContent
  ) async throws(StorageFailure) {
    try store.access { state throws(StorageFailure) in
      guard state.submissions[submission.id] == nil else { throw .conflict("submission") }
      state.submissions[submission.id] = SubmissionRow(submission: submission, content: content)
      state.record(.created(submission))
    }
  }

  package func submission(
    _ id: SubmissionID, in organization: OrganizationID
  ) async throws(StorageFailure) -> KnowledgeSubmission? {
    try store.access { Self.row(id, organization, $0)?.submission }
  }

  package func content(
    of id: SubmissionID, in organization: OrganizationID
  ) async throws(StorageFailure) -> SubmissionContent? {
    try store.access { Self.row(id, organization, $0)?.content }
  }

  package func submissions(
    in organization: OrganizationID, status: SubmissionStatus?, contributor: UserID?, page: PageRequest
  ) async throws(StorageFailure) -> Page<KnowledgeSubmission> {
    try store.access { state in
      let found = state.submissions.values.map(\.submission).filter {
        $0.organizationID == organization && (status == nil || $0.status == status)
          && (contributor == nil || $0.contributorID == contributor)
      }
      return .newestFirst(found, page: page, time: \.createdAt, id: \.id)
    }
  }

  package func review(
    _ id: SubmissionID, in organization: OrganizationID, enqueuing job: IngestionJob?,
    _ decide:
      @escaping @Sendable (KnowledgeSubmission) -> Result<KnowledgeSubmission, KnowledgeSubmission.AlreadyReviewed>
  ) async throws(StorageFailure) -> Result<KnowledgeSubmission, KnowledgeSubmission.AlreadyReviewed> {
    try store.access { state throws(StorageFailure) in
      guard let row = Self.row(id, organization, state) else { throw .notFound }
      let decision = decide(row.submission)
      guard case .success(let decided) = decision else { return decision }
      if let job {
        guard state.submissions[job.submissionID] != nil else { throw .notFound }
        guard state.jobs[job.id] == nil else { throw .conflict("job") }
        state.jobs[job.id] = JobRow(job: job)
      }
      state.submissions[id]?.submission = decided
      if let event = DomainEvent.reviewed(decided) { state.record(event) }
      return decision
    }
  }

  private static func row(_ id: SubmissionID, _ organization: OrganizationID, _ state: StoreState) -> SubmissionRow? {
    state.submissions[id].flatMap { $0.submission.organizationID == organization ? $0 : nil }
  }
}
