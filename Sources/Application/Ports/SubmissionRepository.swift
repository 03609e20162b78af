package import Domain

/// Submissions of knowledge.
package protocol SubmissionRepository: Sendable {
  /// Stores a submission with its content, and the event `submission.created`, in one transaction, durably: once this
  /// returns, a crash does not lose it.
  func insert(_ submission: KnowledgeSubmission, content: SubmissionContent) async throws(StorageFailure)

  /// A submission of a tenant.
  func submission(
    _ id: SubmissionID, in organization: OrganizationID
  ) async throws(StorageFailure) -> KnowledgeSubmission?

  /// A submission's content.
  func content(
    of id: SubmissionID, in organization: OrganizationID
  ) async throws(StorageFailure) -> SubmissionContent?

  /// A tenant's submissions, newest first, narrowed to a status and a contributor where given.
  func submissions(
    in organization: OrganizationID, status: SubmissionStatus?, contributor: UserID?, page: PageRequest
  ) async throws(StorageFailure) -> Page<KnowledgeSubmission>

  /// Reads a submission, decides on it, and stores the decision, the job (where given) and the event
  /// (`submission.approved` or `submission.rejected`) in one transaction.
  ///
  /// - Parameter decide: called within the transaction; it must not wait for anything.
  /// - Returns: the decided submission, or the refusal of `decide`, which changes nothing.
  /// - Throws: `.notFound`.
  func review(
    _ id: SubmissionID, in organization: OrganizationID, enqueuing job: IngestionJob?,
    _ decide:
      @escaping @Sendable (KnowledgeSubmission) -> Result<KnowledgeSubmission, KnowledgeSubmission.AlreadyReviewed>
  ) async throws(StorageFailure) -> Result<KnowledgeSubmission, KnowledgeSubmission.AlreadyReviewed>
}
