package import Domain

/// Queues failed and cancelled jobs again, once what made them fail was dealt with.
package struct RetryJob: Sendable {
  let jobs: any JobRepository
  let intelligence: any Intelligence
  let clock: WallClock

  /// Queues a failed or cancelled job again, with all its attempts before it; a collection goes on where it stopped.
  ///
  /// - Throws: `.forbidden` below admin; `.notFound`; `.precondition` when the job is neither.
  package func callAsFunction(_ id: JobID, _ caller: Principal) async throws(UseCaseFailure) -> IngestionJob {
    try caller.require(.admin, to: "retry jobs")
    let job: IngestionJob
    do throws(StorageFailure) {
      job = try await jobs.retry(id, in: caller.organizationID, at: clock.now())
    } catch {
      if case .conflict = error { throw .precondition("only a job that has failed or was cancelled can be retried") }
      throw UseCaseFailure(error, "job")
    }
    await intelligence.wakeWorkers()
    return job
  }

  /// Queues all failed jobs of the tenant again, the newest first, and answers with them as they are then.
  ///
  /// - Throws: `.forbidden` below admin.
  package func allFailed(_ caller: Principal) async throws(UseCaseFailure) -> [IngestionJob] {
    try caller.require(.admin, to: "retry jobs")
    var retried: [IngestionJob] = []
    var after: PageCursor?
    repeat {
      let page = try await storing("job") { () async throws(StorageFailure) in
        try await jobs.jobs(
          in: caller.organizationID, state: .failed, page: PageRequest(size: PageRequest.maximumSize, after: after))
      }
      for job in page.items {
        do throws(UseCaseFailure) { retried.append(try await self(job.id, caller)) } catch {
          // Somebody else has just retried it.
          if case .precondition = error { continue }
          throw error
        }
      }
      after = page.next
    } while after != nil
    return retried
  }
}
