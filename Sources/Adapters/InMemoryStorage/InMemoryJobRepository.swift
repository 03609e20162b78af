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
      guard job.state == .failed else { throw .conflict("state") }
      let queued = job.with(state: .queued, attempts: 0, progress: [:], error: .some(nil), at: time)
      state.jobs[id] = JobRow(job: queued)
      return queued
    }
  }
}
