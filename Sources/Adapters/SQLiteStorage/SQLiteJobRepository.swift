package import Application
package import Domain
import FoundationEssentials
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
}
