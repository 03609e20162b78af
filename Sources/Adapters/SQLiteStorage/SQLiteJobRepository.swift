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
        db, sql: "SELECT * FROM ingestion_jobs WHERE id = ? AND organization_id = ?",
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
      let queued = try Row.fetchOne(
        db,
        sql: """
          UPDATE ingestion_jobs SET state = 'queued', attempts = 0, progress = '{}', error = NULL, run_after = NULL,
            updated_at = ?
          WHERE id = ? AND organization_id = ? AND state = 'failed' RETURNING *
          """,
        arguments: [time.sql, id.sql, organization.sql])
      if let queued { return try IngestionJob(row: queued) }
      let found = try Row.fetchOne(
        db, sql: "SELECT 1 FROM ingestion_jobs WHERE id = ? AND organization_id = ?",
        arguments: [id.sql, organization.sql])
      throw found == nil ? StorageFailure.notFound : .conflict("state")
    }
  }
}
