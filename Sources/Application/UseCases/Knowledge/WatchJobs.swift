package import Domain

/// Shows ingestion jobs and their progress.
package struct WatchJobs: Sendable {
  let jobs: any JobRepository
  let submissions: any SubmissionRepository
  let collections: any CollectionLedger
  /// How often a watched job is read: it may be another process that works on it.
  let interval: Duration
  /// How long one watch lasts at most; clients come back.
  let maximumDuration: Duration

  /// A job of the caller's own submission, or any of the tenant's for an admin.
  package func get(_ id: JobID, _ caller: Principal) async throws(UseCaseFailure) -> IngestionJob {
    let job = try await read(id, caller)
    if caller.role < .admin {
      let submission = try await found("job") { () async throws(StorageFailure) in
        try await submissions.submission(job.submissionID, in: caller.organizationID)
      }
      guard submission.contributorID == caller.userID else { throw .notFound("there is no such job") }
    }
    return job
  }

  /// The tenant's jobs, newest first.
  ///
  /// - Throws: `.forbidden` below admin.
  package func list(
    state: IngestionJob.State?, page: PageRequest, _ caller: Principal
  ) async throws(UseCaseFailure) -> Page<IngestionJob> {
    try caller.require(.admin, to: "list jobs")
    return try await storing("job") { () async throws(StorageFailure) in
      try await jobs.jobs(in: caller.organizationID, state: state, page: page)
    }
  }

  /// Hands over the job as it is, then each time it has changed, and ends behind its final state.
  ///
  /// - Throws: `.unavailable` when it is not done within the longest watch.
  package func watch(
    _ id: JobID, _ caller: Principal,
    emit: @Sendable (IngestionJob) async throws(UseCaseFailure) -> Void
  ) async throws(UseCaseFailure) {
    var last = try await get(id, caller)
    try await emit(last)
    let end = ContinuousClock.now + maximumDuration
    while !last.state.isFinal {
      guard ContinuousClock.now < end else { throw .unavailable("the job is still running; watch it again") }
      do { try await Task.sleep(for: interval) } catch { throw .cancelled }
      let job = try await read(id, caller, since: last)
      guard job != last else { continue }
      last = job
      try await emit(job)
    }
  }

  /// - Parameter last: the job as it was read before: counting a collection's items again can wait until it has changed.
  private func read(
    _ id: JobID, _ caller: Principal, since last: IngestionJob? = nil
  ) async throws(UseCaseFailure) -> IngestionJob {
    var job = try await found("job") { () async throws(StorageFailure) in
      try await jobs.job(id, in: caller.organizationID)
    }
    if let last, last.updatedAt == job.updatedAt, last.state == job.state {
      job.collection = last.collection
      return job
    }
    job.collection = try await storing("job") { () async throws(StorageFailure) in
      try await collections.report(of: id, in: caller.organizationID)
    }
    return job
  }
}
