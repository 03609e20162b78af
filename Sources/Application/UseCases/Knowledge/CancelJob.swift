package import Domain

/// Stops jobs that are not done.
package struct CancelJob: Sendable {
  let jobs: any JobRepository
  let watch: WatchJobs
  let clock: WallClock

  /// Cancels a job of the caller's own submission, or any of the tenant's for an admin, with the jobs of its collection.
  /// What is queued never begins; a worker that has it stops within seconds, in whichever process, and writes nothing.
  ///
  /// - Throws: `.notFound`; `.precondition` when the job has ended.
  package func callAsFunction(_ id: JobID, _ caller: Principal) async throws(UseCaseFailure) -> IngestionJob {
    _ = try await watch.get(id, caller)
    do throws(StorageFailure) {
      _ = try await jobs.cancel(id, in: caller.organizationID, at: clock.now())
    } catch {
      if case .conflict = error { throw .precondition("the job has ended already") }
      throw UseCaseFailure(error, "job")
    }
    return try await watch.get(id, caller)
  }
}
