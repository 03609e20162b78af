package import Application
package import Domain
package import FoundationEssentials
import GRDB

/// The items of collections in SQLite.
package struct SQLiteCollectionLedger: CollectionLedger {
  private let database: SQLiteDatabase

  /// Works on the collections of `database`.
  package init(_ database: SQLiteDatabase) { self.database = database }

  package func run(
    of job: JobID, in organization: OrganizationID
  ) async throws(StorageFailure) -> CollectionRun? {
    try await database.read { db in try db.run(of: job, in: organization) }
  }

  package func begin(
    _ collection: SecretHash, version: String, items: [ListedItem], isComplete: Bool, under lease: JobLease,
    at time: Date
  ) async throws(LeaseFailure) -> CollectionRun? {
    try await database.writeUnderLease { db in
      _ = try db.leasedJob(lease)
      guard try !db.isBusy(collection, besides: lease) else { return nil }
      try db.execute(
        cached: """
          INSERT INTO collection_runs (job_id, organization_id, collection, version, started_at) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (job_id) DO UPDATE SET version = excluded.version, started_at = excluded.started_at
          """,
        arguments: [lease.jobID.sql, lease.organizationID.sql, collection.sql, version.sql, time.sql])
      try db.forget(collection, lease)
      for item in items { try db.list(item, in: collection, lease, at: time) }
      try db.takeOver(collection, isComplete: isComplete, lease, at: time)
      return CollectionRun(collection: collection, version: version, startedAt: time)
    }
  }

  package func waiting(
    of job: JobID, in organization: OrganizationID, limit: Int
  ) async throws(StorageFailure) -> [CollectionItem] {
    try await database.read { db in
      try Row.fetchAll(
        db,
        cached: """
          SELECT * FROM collection_items WHERE organization_id = ? AND run_id = ? AND state = 'waiting'
          ORDER BY attempts, depth, key LIMIT ?
          """,
        arguments: [organization.sql, job.sql, limit]
      ).map(CollectionItem.init(row:))
    }
  }

  package func settle(
    _ items: [SettledItem], maximumItems: Int, under lease: JobLease, at time: Date
  ) async throws(LeaseFailure) {
    try await database.writeUnderLease { db in
      _ = try db.leasedJob(lease)
      guard let run = try db.run(of: lease.jobID, in: lease.organizationID) else { throw StorageFailure.notFound }
      var room = maximumItems - (try db.itemCount(lease))
      for item in items {
        let isCut = try db.add(item, room: &room, to: run.collection, lease, at: time)
        try db.settle(item, isCut: isCut, in: run.collection, lease, at: time)
        guard let child = item.child else { continue }
        try db.insert(child.submission, content: child.content)
        try db.insert(child.job)
        if let event = DomainEvent.reviewed(child.submission) { try db.record(event) }
      }
    }
  }

  package func report(
    of job: JobID, in organization: OrganizationID
  ) async throws(StorageFailure) -> CollectionReport? {
    try await database.read { db in
      guard try db.run(of: job, in: organization) != nil else { return nil }
      return try db.report(of: job, in: organization)
    }
  }
}
