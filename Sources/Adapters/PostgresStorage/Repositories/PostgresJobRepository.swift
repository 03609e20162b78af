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
      try await transaction.takeUpRun(of: id, in: organization, at: time)
      let queued = try await transaction.rows(
        """
        UPDATE ingestion_jobs SET state = 'queued', attempts = 0, progress = '{}', error = NULL, run_after = NULL,
          updated_at = \(time)
        WHERE id = ANY (\(try await transaction.jobs(of: id, in: organization))) AND organization_id = \(organization)
          AND state IN ('failed', 'cancelled')
        RETURNING *
        """
      ).map(IngestionJob.init(row:))
      guard let job = queued.first(where: { $0.id == id }) else {
        throw try await transaction.refusal(of: id, in: organization)
      }
      return job
    }
  }

  package func cancel(
    _ id: JobID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> IngestionJob {
    try await database.write(in: organization) { transaction in
      let cancelled = try await transaction.rows(
        """
        UPDATE ingestion_jobs SET state = 'cancelled', error = NULL, run_after = NULL, lease_owner = NULL,
          lease_token = NULL, lease_expires_at = NULL, updated_at = \(time)
        WHERE id = ANY (\(try await transaction.jobs(of: id, in: organization))) AND organization_id = \(organization)
          AND state NOT IN ('indexed', 'failed', 'cancelled')
        RETURNING *
        """
      ).map(IngestionJob.init(row:))
      guard let job = cancelled.first(where: { $0.id == id }) else {
        throw try await transaction.refusal(of: id, in: organization)
      }
      for job in cancelled { try await transaction.execute(try DomainEvent.cancelled(job).insertion()) }
      return job
    }
  }
}

extension PostgresTransaction {
  /// A job, locked first, and those of the items that its run handed on. Who hands more on holds the job's row.
  fileprivate func jobs(of id: JobID, in organization: OrganizationID) async throws -> [JobID] {
    _ = try await first(
      "SELECT id FROM ingestion_jobs WHERE id = \(id) AND organization_id = \(organization) FOR UPDATE")
    return [id]
      + (try await rows(
        """
        SELECT job_id FROM collection_items
        WHERE organization_id = \(organization) AND run_id = \(id) AND state = 'handed_on' AND job_id IS NOT NULL
        """
      ).map { try $0.id("job_id") })
  }

  /// Why a job could not be changed, having been in no state for it.
  fileprivate func refusal(of id: JobID, in organization: OrganizationID) async throws -> StorageFailure {
    let found = try await first(
      "SELECT id FROM ingestion_jobs WHERE id = \(id) AND organization_id = \(organization)")
    return found == nil ? .notFound : .conflict("state")
  }

  /// Has the run of a job that may be retried go on: its items that failed wait again.
  fileprivate func takeUpRun(of id: JobID, in organization: OrganizationID, at time: Date) async throws {
    let taken = try await execute(
      """
      UPDATE collection_runs SET started_at = \(time)
      WHERE job_id = \(id) AND organization_id = \(organization) AND EXISTS (
        SELECT FROM ingestion_jobs WHERE id = job_id AND state IN ('failed', 'cancelled'))
      """)
    guard taken > 0 else { return }
    try await execute(
      """
      UPDATE collection_items SET state = 'waiting', attempts = 0, reason = NULL, updated_at = \(time)
      WHERE organization_id = \(organization) AND run_id = \(id) AND state = 'failed'
      """)
  }
}
