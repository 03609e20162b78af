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
      guard var row = state.nextJob(at: time) else { return nil }
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
      if retryAt == nil { state.record(.failed(row.job)) }
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

  package func pause(_ lease: JobLease, until resumption: Date, at time: Date) async throws(LeaseFailure) {
    try store.accessUnderLease { state throws(LeaseFailure) in
      let row = try state.leasedJob(lease)
      state.jobs[lease.jobID] = JobRow(
        job: row.job.with(state: .queued, attempts: 0, at: time), runAfter: resumption)
    }
  }

  package func complete(_ lease: JobLease, at time: Date) async throws(LeaseFailure) {
    try store.accessUnderLease { state throws(LeaseFailure) in
      let row = try state.leasedJob(lease)
      state.jobs[lease.jobID] = JobRow(job: row.job.with(state: .indexed, error: .some(nil), at: time))
    }
  }

  package func deadLetters() async throws(StorageFailure) -> DeadLetters {
    try store.access { state in
      let failed = state.jobs.values.filter { $0.job.state == .failed }
      return DeadLetters(count: failed.count, oldest: failed.map(\.job.updatedAt).min())
    }
  }
}

extension StoreState {
  /// The oldest job that is due of the tenant whose turn it is.
  fileprivate func nextJob(at time: Date) -> JobRow? {
    var running: [OrganizationID: Int] = [:]
    for row in jobs.values where row.isLeased(at: time) { running[row.job.organizationID, default: 0] += 1 }
    return jobs.values.filter { $0.isDue(at: time) }.min { left, right in
      let (first, second) = (running[left.job.organizationID] ?? 0, running[right.job.organizationID] ?? 0)
      return (first, left.job.createdAt, left.job.id) < (second, right.job.createdAt, right.job.id)
    }
  }

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
    if lease != nil { return !isLeased(at: time) }
    return job.state == .queued && (runAfter.map { $0 <= time } ?? true)
  }

  /// Whether a worker has it.
  fileprivate func isLeased(at time: Date) -> Bool { lease.map { time < $0.expiresAt } ?? false }
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
