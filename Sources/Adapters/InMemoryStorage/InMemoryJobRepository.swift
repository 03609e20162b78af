package import Application
package import Domain
import FoundationEssentials

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
}
