package import Domain

/// Lists submissions and decides on them.
package struct ReviewSubmissions: Sendable {
  let submissions: any SubmissionRepository
  let makeID: IDGenerator
  let clock: WallClock
  let intelligence: any Intelligence

  /// Submissions, newest first: an admin sees all of the tenant, a contributor the own ones.
  package func list(
    status: SubmissionStatus?, page: PageRequest, _ caller: Principal
  ) async throws(UseCaseFailure) -> Page<KnowledgeSubmission> {
    try caller.require(.contributor, to: "list submissions")
    return try await storing("submission") { () async throws(StorageFailure) in
      try await submissions.submissions(
        in: caller.organizationID, status: status, contributor: caller.role >= .admin ? nil : caller.userID, page: page)
    }
  }

  /// A submission with its content; another contributor's is not found.
  package func get(
    _ id: SubmissionID, _ caller: Principal
  ) async throws(UseCaseFailure) -> (submission: KnowledgeSubmission, content: SubmissionContent) {
    try caller.require(.contributor, to: "read submissions")
    let submission = try await found("submission") { () async throws(StorageFailure) in
      try await submissions.submission(id, in: caller.organizationID)
    }
    guard caller.role >= .admin || submission.contributorID == caller.userID else {
      throw .notFound("there is no such submission")
    }
    let content = try await found("submission") { () async throws(StorageFailure) in
      try await submissions.content(of: id, in: caller.organizationID)
    }
    return (submission, content)
  }

  /// What a pending submission is much like, for an admin; `nil` where nobody is told, or it cannot be found just now. A submission can be read and decided on all the same.
  package func similar(
    to submission: KnowledgeSubmission, _ caller: Principal
  ) async throws(UseCaseFailure) -> SimilarityReport? {
    guard caller.role >= .admin, submission.status == .pending else { return nil }
    do throws(UseCaseFailure) { return try await intelligence.similar(to: submission.id, caller) } catch {
      if case .unavailable = error { return nil }
      throw error
    }
  }

  /// Approves a pending submission and queues its job, both or neither.
  ///
  /// - Throws: `.forbidden` below admin; `.notFound`; `.precondition` when it is decided already.
  package func approve(
    _ id: SubmissionID, note: String?, _ caller: Principal
  ) async throws(UseCaseFailure) -> KnowledgeSubmission {
    try caller.require(.admin, to: "approve submissions")
    let note = try Self.checked(note)
    let now = clock.now()
    let job = IngestionJob(
      id: makeID(), organizationID: caller.organizationID, submissionID: id, createdAt: now, updatedAt: now)
    let approved = try await review(id, job: job, caller) { pending throws(KnowledgeSubmission.AlreadyReviewed) in
      try pending.approved(by: caller.userID, note: note, job: job.id, at: now)
    }
    await intelligence.wakeWorkers()
    return approved
  }

  /// Rejects a pending submission with a note that says why.
  ///
  /// - Throws: `.forbidden` below admin; `.invalid` without a note; `.notFound`; `.precondition` when decided already.
  package func reject(
    _ id: SubmissionID, note: String, _ caller: Principal
  ) async throws(UseCaseFailure) -> KnowledgeSubmission {
    try caller.require(.admin, to: "reject submissions")
    guard let note = try Self.checked(note) else { throw .invalid("note must say why the submission is rejected") }
    let now = clock.now()
    return try await review(id, job: nil, caller) { pending throws(KnowledgeSubmission.AlreadyReviewed) in
      try pending.rejected(by: caller.userID, note: note, at: now)
    }
  }

  private func review(
    _ id: SubmissionID, job: IngestionJob?, _ caller: Principal,
    _ decide:
      @escaping @Sendable (KnowledgeSubmission) throws(KnowledgeSubmission.AlreadyReviewed) -> KnowledgeSubmission
  ) async throws(UseCaseFailure) -> KnowledgeSubmission {
    let outcome = try await storing("submission") { () async throws(StorageFailure) in
      try await submissions.review(id, in: caller.organizationID, enqueuing: job) { pending in
        Result { () throws(KnowledgeSubmission.AlreadyReviewed) in try decide(pending) }
      }
    }
    switch outcome {
    case .success(let decided): return decided
    case .failure(let refusal): throw .precondition("the submission is already \(refusal.status.rawValue)")
    }
  }

  private static func checked(_ note: String?) throws(UseCaseFailure) -> String? {
    guard let note = note?.trimmingWhitespace(), !note.isEmpty else { return nil }
    guard note.count <= KnowledgeSubmission.maximumNoteLength else {
      throw .invalid("note must have at most \(KnowledgeSubmission.maximumNoteLength) characters")
    }
    try refuseNull(in: note, of: "note")
    return note
  }
}
