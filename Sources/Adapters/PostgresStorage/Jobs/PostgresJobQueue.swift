package import Application
package import Domain
package import FoundationEssentials

/// The queue of ingestion jobs in PostgreSQL, shared by the workers of all replicas.
///
/// What the workers of this process ask for at the same moment is done in one transaction, so that a busy queue costs
/// the server one commit for many jobs.
package struct PostgresJobQueue: JobQueue {
  /// The channel on which the database tells that a job has become due; its notifications say nothing more.
  package static let channel = "opentier_jobs"
  /// How many workers' requests are merged at most.
  static let batchLimit = 128

  private let database: PostgresDatabase
  private let claims: Coalescer<JobClaim, ClaimedJob?>
  private let changes: Coalescer<JobChange, JobChangeOutcome>

  /// Works on the jobs of `database`.
  package init(_ database: PostgresDatabase) {
    self.database = database
    claims = Coalescer(limit: Self.batchLimit, canJoin: { $0.canJoin($1) }) { claims throws(StorageFailure) in
      try await database.claim(claims)
    }
    changes = Coalescer(limit: Self.batchLimit, canJoin: { $0.canJoin($1) }) { changes throws(StorageFailure) in
      try await database.change(changes, waits: false)
    }
  }

  package func claim(
    by worker: String, at time: Date, leaseFor duration: TimeInterval
  ) async throws(StorageFailure) -> ClaimedJob? {
    let claim = JobClaim(worker: worker, time: time, expiry: time.addingTimeInterval(duration))
    let claimed = try await claims(claim)
    if let claimed, Task.isCancelled {
      // The batch went on for others. Nobody works on this job: the next worker need not wait for the lease's end.
      let change = JobChange(lease: claimed.lease, time: time, state: .queued, isUncounted: true)
      await handBack(change)
      throw .cancelled
    }
    return claimed
  }

  package func report(
    _ state: IngestionJob.State, progress: IngestionJob.Progress, under lease: JobLease, at time: Date,
    leaseFor duration: TimeInterval
  ) async throws(LeaseFailure) {
    guard state.isRunning else { throw .storage(.conflict("state")) }
    try await write(
      JobChange(
        lease: lease, time: time, state: state, expiry: time.addingTimeInterval(duration), progress: progress))
  }

  package func publish(
    _ draft: RevisionDraft, under lease: JobLease, at time: Date
  ) async throws(LeaseFailure) -> Publication {
    try await database.writeUnderLease(in: lease.organizationID) { transaction in
      try await transaction.publish(draft, under: lease, at: time)
    }
  }

  package func fail(
    _ reason: String, retryAt: Date?, under lease: JobLease, at time: Date
  ) async throws(LeaseFailure) {
    try await write(
      JobChange(
        lease: lease, time: time, state: retryAt == nil ? .failed : .queued, error: reason, delay: retryAt))
  }

  package func release(_ lease: JobLease, at time: Date) async throws(LeaseFailure) {
    try await write(JobChange(lease: lease, time: time, state: .queued, isUncounted: true))
  }

  package func pause(_ lease: JobLease, until resumption: Date, at time: Date) async throws(LeaseFailure) {
    try await database.writeUnderLease(in: lease.organizationID) { transaction in
      let paused = try await transaction.execute(
        """
        UPDATE ingestion_jobs SET state = 'queued', attempts = 0, run_after = \(resumption), lease_owner = NULL,
          lease_token = NULL, lease_expires_at = NULL, updated_at = \(time)
        WHERE id = \(lease.jobID) AND organization_id = \(lease.organizationID) AND lease_token = \(lease.token)
        """)
      if paused == 0 { throw LeaseFailure.lost }
    }
  }

  package func complete(_ lease: JobLease, at time: Date) async throws(LeaseFailure) {
    try await write(JobChange(lease: lease, time: time, state: .indexed))
  }

  package func deadLetters() async throws(StorageFailure) -> DeadLetters {
    let rows = try await database.query(in: nil, readOnly: true, "SELECT count, oldest FROM dead_letters()")
    do {
      guard let row = rows.first else { return DeadLetters(count: 0, oldest: nil) }
      return DeadLetters(count: try row.value("count"), oldest: try row.optionalTime("oldest"))
    } catch {
      throw StorageFailure(error)
    }
  }

  private func write(_ change: JobChange) async throws(LeaseFailure) {
    var outcome: JobChangeOutcome
    do throws(StorageFailure) {
      outcome = try await changes(change)
      if outcome == .busy {
        // Alone, so that others need not wait as well: a publication may have the job in its hands for a while.
        outcome = try await database.change([change], waits: true)[0]
      }
    } catch {
      throw .storage(error)
    }
    guard outcome == .written else { throw .lost }
  }

  /// Releases a job in a task that is not cancelled.
  private func handBack(_ change: JobChange) async {
    // When it fails, the lease's end gives the job to the next worker.
    await Task { _ = try? await changes(change) }.value
  }
}
