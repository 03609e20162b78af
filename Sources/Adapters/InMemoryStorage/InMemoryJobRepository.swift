package import Application
package import Domain
package import FoundationEssentials

/// Ingestion jobs in memory, as their submitters see them.
package struct InMemoryJobRepository: JobRepository {
  private let store: InMemoryStore

  /// Reads the jobs of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func job(_ id: JobID, in organization: OrganizationID) async throws(StorageFailure) -> IngestionJob? {
    try store.access { state in
      state.jobs[id].flatMap { $0.job.organizationID == organization ? $0.job : nil }
    }
  }

  package func jobs(
    in organization: OrganizationID, state wanted: IngestionJob.State?, page: PageRequest
  ) async throws(StorageFailure) -> Page<IngestionJob> {
    try store.access { state in
      let found = state.jobs.values.map(\.job).filter {
        $0.organizationID == organization && (wanted == nil || $0.state == wanted)
      }
      return .newestFirst(found, page: page, time: \.createdAt, id: \.id)
    }
  }

  package func retry(
    _ id: JobID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> IngestionJob {
    try store.access { state throws(StorageFailure) in
      guard let job = state.jobs[id]?.job, job.organizationID == organization else { throw .notFound }
      guard job.state.isRetriable else { throw .conflict("state") }
      for child in state.takeUpRun(of: id, at: time) {
        guard let job = state.jobs[child]?.job, job.state.isRetriable else { continue }
        state.jobs[child] = JobRow(job: job.anew(at: time))
      }
      let queued = job.anew(at: time)
      state.jobs[id] = JobRow(job: queued)
      return queued
    }
  }

  package func cancel(
    _ id: JobID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> IngestionJob {
    try store.access { state throws(StorageFailure) in
      guard let job = state.jobs[id]?.job, job.organizationID == organization else { throw .notFound }
      guard !job.state.isFinal else { throw .conflict("state") }
      for child in [id] + state.children(of: id) {
        guard let job = state.jobs[child]?.job, !job.state.isFinal else { continue }
        let cancelled = job.with(state: .cancelled, error: .some(nil), at: time)
        state.jobs[child] = JobRow(job: cancelled)
        state.record(.cancelled(cancelled))
      }
      return job.with(state: .cancelled, error: .some(nil), at: time)
    }
  }
}

extension IngestionJob {
  /// The job as if it had never been tried.
  fileprivate func anew(at time: Date) -> IngestionJob {
    with(state: .queued, attempts: 0, progress: [:], error: .some(nil), at: time)
  }
}
