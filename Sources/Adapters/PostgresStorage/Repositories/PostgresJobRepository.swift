package import Application
package import Domain
package import FoundationEssentials

/// Ingestion jobs in PostgreSQL, as their submitters see them.
package struct PostgresJobRepository: JobRepository {
  private let database: PostgresDatabase

  /// Reads the jobs of `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func job(_ id: JobID, in organization: OrganizationID) async throws(StorageFailure) -> IngestionJob? {
    try await database.fetchFirst(
      in: organization, "SELECT * FROM ingestion_jobs WHERE id = \(id) AND organization_id = \(organization)",
      IngestionJob.init(row:))
  }

  package func jobs(
    in organization: OrganizationID, state: IngestionJob.State?, page: PageRequest
  ) async throws(StorageFailure) -> Page<IngestionJob> {
    var conditions: [SQL] = ["organization_id = \(organization)"]
    // Spelled out for the sake of partial indexes, which a parameter cannot be matched with.
    if let state { conditions.append("state = '\(raw: state.rawValue)'") }
    return try await database.page(
      in: organization, "SELECT * FROM ingestion_jobs", where: conditions, time: "created_at", page,
      IngestionJob.init(row:))
  }

  package func retry(
    _ id: JobID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> IngestionJob {
    try await database.write(in: organization) { transaction in
      let queued = try await transaction.first(
        """
        UPDATE ingestion_jobs SET state = 'queued', attempts = 0, progress = '{}', error = NULL, run_after = NULL,
          updated_at = \(time)
        WHERE id = \(id) AND organization_id = \(organization) AND state = 'failed' RETURNING *
        """)
      if let queued { return try IngestionJob(row: queued) }
      let found = try await transaction.first(
        "SELECT id FROM ingestion_jobs WHERE id = \(id) AND organization_id = \(organization)")
      throw found == nil ? StorageFailure.notFound : .conflict("state")
    }
  }
}
