package import Application
package import Domain
package import FoundationEssentials

/// The items of collections in PostgreSQL.
package struct PostgresCollectionLedger: CollectionLedger {
  private let database: PostgresDatabase

  /// Works on the collections of `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func run(
    of job: JobID, in organization: OrganizationID
  ) async throws(StorageFailure) -> CollectionRun? {
    try await database.fetchFirst(in: organization, .run(of: job, in: organization), CollectionRun.init(row:))
  }

  package func begin(
    _ collection: SecretHash, version: String, items: [ListedItem], isComplete: Bool, under lease: JobLease,
    at time: Date
  ) async throws(LeaseFailure) -> CollectionRun? {
    try await database.writeUnderLease(in: lease.organizationID) { transaction in
      try await transaction.lock(lease)
      guard try await transaction.lock(collection, for: lease) else { return nil }
      try await transaction.execute([
        """
        INSERT INTO collection_runs (job_id, organization_id, collection, version, started_at)
        VALUES (\(lease.jobID), \(lease.organizationID), \(collection), \(version), \(time))
        ON CONFLICT (job_id) DO UPDATE SET version = excluded.version, started_at = excluded.started_at
        """
      ])
      try await transaction.execute(collection.forgetting(lease))
      try await transaction.execute(collection.listing(items, lease, at: time))
      try await transaction.execute(collection.takingOver(isComplete: isComplete, lease, at: time))
      return CollectionRun(collection: collection, version: version, startedAt: time)
    }
  }

  package func waiting(
    of job: JobID, in organization: OrganizationID, limit: Int
  ) async throws(StorageFailure) -> [CollectionItem] {
    try await database.fetch(
      in: organization,
      """
      SELECT * FROM collection_items WHERE organization_id = \(organization) AND run_id = \(job) AND state = 'waiting'
      ORDER BY attempts, depth, key LIMIT \(limit)
      """, CollectionItem.init(row:))
  }

  package func settle(
    _ items: [SettledItem], maximumItems: Int, under lease: JobLease, at time: Date
  ) async throws(LeaseFailure) {
    try await database.writeUnderLease(in: lease.organizationID) { transaction in
      try await transaction.lock(lease)
      guard
        let row = try await transaction.first(.run(of: lease.jobID, in: lease.organizationID))
      else { throw StorageFailure.notFound }
      let collection = try CollectionRun(row: row).collection
      var room = maximumItems - (try await transaction.itemCount(lease))
      for item in items {
        let isCut = try await transaction.add(item, room: &room, to: collection, lease, at: time)
        var statements = [collection.settling(item, isCut: isCut, lease, at: time)]
        if let child = item.child {
          statements += try child.submission.insertions(of: child.content)
          statements.append(try child.job.insertion())
          if let event = DomainEvent.reviewed(child.submission) { statements.append(try event.insertion()) }
        }
        try await transaction.execute(statements)
      }
    }
  }

  package func report(
    of job: JobID, in organization: OrganizationID
  ) async throws(StorageFailure) -> CollectionReport? {
    try await database.read(in: organization) { transaction in
      guard try await transaction.first(.run(of: job, in: organization)) != nil else { return nil }
      return try await transaction.report(of: job, in: organization)
    }
  }
}
