package import Application
package import Domain
package import FoundationEssentials

/// The queue of ingestion jobs in memory.
package struct InMemoryJobQueue: JobQueue {
  private let store: InMemoryStore

  /// Works on the jobs of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func claim(
    by worker: String, at time: Date, leaseFor duration: TimeInterval
  ) async throws(StorageFailure) -> ClaimedJob? {
    try store.access { state throws(StorageFailure) in
      let due = state.jobs.values.filter { $0.isDue(at: time) }
      guard var row = due.min(by: { ($0.job.createdAt, $0.job.id) < ($1.job.createdAt, $1.job.id) }) else {
        return nil
      }
      guard let submission = state.submissions[row.job.submissionID]?.submission else {
        throw .corrupt("job \(row.job.id) has no submission")
      }
      let token = UUID()
      row.lease = JobRow.Lease(worker: worker, token: token, expiresAt: time.addingTimeInterval(duration))
      row.runAfter = nil
      row.job = row.job.with(state: .extracting, attempts: row.job.attempts + 1, progress: [:], at: time)
      state.jobs[row.job.id] = row
      return ClaimedJob(
        job: row.job, submission: submission,
        lease: JobLease(jobID: row.job.id, organizationID: row.job.organizationID, token: token))
    }
  }

  package func report(
    _ stage: IngestionJob.State, progress: IngestionJob.Progress, under lease: JobLease, at time: Date,
    leaseFor duration: TimeInterval
  ) async throws(LeaseFailure) {
    try store.accessUnderLease { state throws(LeaseFailure) in
      guard stage.isRunning else { throw .storage(.conflict("state")) }
      var row = try state.leasedJob(lease)
      row.job = row.job.with(
        state: stage, progress: row.job.progress.merging([stage: progress]) { _, new in new }, at: time)
      row.lease?.expiresAt = time.addingTimeInterval(duration)
      state.jobs[lease.jobID] = row
    }
  }

  package func publish(
    _ draft: RevisionDraft, under lease: JobLease, at time: Date
  ) async throws(LeaseFailure) -> Publication {
    try store.accessUnderLease { state throws(LeaseFailure) in try state.publish(draft, under: lease, at: time) }
  }

  package func fail(
    _ reason: String, retryAt: Date?, under lease: JobLease, at time: Date
  ) async throws(LeaseFailure) {
    try store.accessUnderLease { state throws(LeaseFailure) in
      var row = try state.leasedJob(lease)
      row.job = row.job.with(state: retryAt == nil ? .failed : .queued, error: .some(reason), at: time)
      row.lease = nil
      row.runAfter = retryAt
      state.jobs[lease.jobID] = row
    }
  }

  package func release(_ lease: JobLease, at time: Date) async throws(LeaseFailure) {
    try store.accessUnderLease { state throws(LeaseFailure) in
      var row = try state.leasedJob(lease)
      row.job = row.job.with(state: .queued, attempts: row.job.attempts - 1, at: time)
      row.lease = nil
      state.jobs[lease.jobID] = row
    }
  }
}

extension StoreState {
  /// The job of a lease that still holds.
  func leasedJob(_ lease: JobLease) throws(LeaseFailure) -> JobRow {
    guard let row = jobs[lease.jobID], row.job.organizationID == lease.organizationID,
      row.lease?.token == lease.token
    else { throw .lost }
    return row
  }
}

extension JobRow {
  /// Whether a worker may take it.
  fileprivate func isDue(at time: Date) -> Bool {
    if let lease { return lease.expiresAt <= time }
    return job.state == .queued && (runAfter.map { $0 <= time } ?? true)
  }
}

extension IngestionJob.State {
  /// Whether a worker reports from it.
  fileprivate var isRunning: Bool { self == .extracting || self == .chunking || self == .embedding }
}

extension IngestionJob {
  /// A copy with some parts changed.
  func with(
    state: State, attempts: Int? = nil, progress: [State: Progress]? = nil, error: String?? = nil,
    documentID: DocumentID? = nil, revisionID: RevisionID? = nil, at time: Date
  ) -> IngestionJob {
    IngestionJob(
      id: id, organizationID: organizationID, submissionID: submissionID, state: state,
      attempts: attempts ?? self.attempts, progress: progress ?? self.progress, error: error ?? self.error,
      documentID: documentID ?? self.documentID, revisionID: revisionID ?? self.revisionID, createdAt: createdAt,
      updatedAt: time)
  }
}
