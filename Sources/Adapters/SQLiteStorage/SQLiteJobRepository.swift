package import Application
package import Domain
package import FoundationEssentials
import GRDB

/// Ingestion jobs in SQLite, as their submitters see them.
package struct SQLiteJobRepository: JobRepository {
  private let database: SQLiteDatabase

  /// Reads the jobs of `database`.
  package init(_ database: SQLiteDatabase) { self.database = database }

  package func job(_ id: JobID, in organization: OrganizationID) async throws(StorageFailure) -> IngestionJob? {
    try await database.read { db in
      try Row.fetchOne(
        db, cached: "SELECT * FROM ingestion_jobs WHERE id = ? AND organization_id = ?",
        arguments: [id.sql, organization.sql]
      ).map(IngestionJob.init(row:))
    }
  }

  package func jobs(
    in organization: OrganizationID, state: IngestionJob.State?, page: PageRequest
  ) async throws(StorageFailure) -> Page<IngestionJob> {
    try await database.read { db in
      var conditions: [(sql: String, arguments: [DatabaseValue])] = [("organization_id = ?", [organization.sql])]
      if let state { conditions.append(("state = ?", [state.rawValue.sql])) }
      return try Page.fetch(
        db, select: "SELECT * FROM ingestion_jobs", where: conditions, time: "created_at", page: page,
        read: IngestionJob.init(row:))
    }
  }

  package func retry(
    _ id: JobID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> IngestionJob {
    try await database.write { db in
      try db.takeUpRun(of: id, in: organization, at: time)
      let queued = try Row.fetchAll(
        db,
        cached: """
          UPDATE ingestion_jobs SET state = 'queued', attempts = 0, progress = '{}', error = NULL, run_after = NULL,
            updated_at = ?
          WHERE (id = ? OR id IN \(Database.childrenSQL)) AND organization_id = ? AND state IN ('failed', 'cancelled')
          RETURNING *
          """,
        arguments: [time.sql, id.sql, organization.sql, id.sql, organization.sql]
      ).map(IngestionJob.init(row:))
      guard let job = queued.first(where: { $0.id == id }) else { throw try db.refusal(of: id, in: organization) }
      return job
    }
  }

  package func cancel(
    _ id: JobID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> IngestionJob {
    try await database.write { db in
      let cancelled = try Row.fetchAll(
        db,
        cached: """
          UPDATE ingestion_jobs SET state = 'cancelled', error = NULL, run_after = NULL, lease_owner = NULL,
            lease_token = NULL, lease_expires_at = NULL, updated_at = ?
          WHERE (id = ? OR id IN \(Database.childrenSQL)) AND organization_id = ?
            AND state NOT IN ('indexed', 'failed', 'cancelled')
          RETURNING *
          """,
        arguments: [time.sql, id.sql, organization.sql, id.sql, organization.sql]
      ).map(IngestionJob.init(row:))
      guard let job = cancelled.first(where: { $0.id == id }) else { throw try db.refusal(of: id, in: organization) }
      for job in cancelled { try db.record(.cancelled(job)) }
      return job
    }
  }
}

extension Database {
  /// The jobs of the items that a tenant's run handed on: the tenant and the run's job are its arguments.
  fileprivate static let childrenSQL = """
    (SELECT job_id FROM collection_items WHERE organization_id = ? AND run_id = ? AND state = 'handed_on')
    """

  /// Why a job could not be changed, having been in no state for it.
  fileprivate func refusal(of id: JobID, in organization: OrganizationID) throws -> StorageFailure {
    let found = try Row.fetchOne(
      self, cached: "SELECT 1 FROM ingestion_jobs WHERE id = ? AND organization_id = ?",
      arguments: [id.sql, organization.sql])
    return found == nil ? .notFound : .conflict("state")
  }

  /// Has the run of a job that may be retried go on: its items that failed wait again.
  fileprivate func takeUpRun(of id: JobID, in organization: OrganizationID, at time: Date) throws {
    try execute(
      cached: """
        UPDATE collection_runs SET started_at = ? WHERE job_id = ? AND organization_id = ? AND EXISTS (
          SELECT 1 FROM ingestion_jobs WHERE id = job_id AND state IN ('failed', 'cancelled'))
        """,
      arguments: [time.sql, id.sql, organization.sql])
    guard changesCount > 0 else { return }
    try execute(
      cached: """
        UPDATE collection_items SET state = 'waiting', attempts = 0, reason = NULL, updated_at = ?
        WHERE organization_id = ? AND run_id = ? AND state = 'failed'
        """,
      arguments: [time.sql, organization.sql, id.sql])
  }
}
