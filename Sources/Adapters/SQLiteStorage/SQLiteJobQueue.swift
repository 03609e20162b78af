package import Application
package import Domain
package import FoundationEssentials
import GRDB

/// The queue of ingestion jobs in SQLite.
package struct SQLiteJobQueue: JobQueue {
  private let database: SQLiteDatabase

  /// Works on the jobs of `database`.
  package init(_ database: SQLiteDatabase) { self.database = database }

  package func claim(
    by worker: String, at time: Date, leaseFor duration: TimeInterval
  ) async throws(StorageFailure) -> ClaimedJob? {
    // Workers ask often and mostly in vain: that must not take the write lock.
    guard try await database.read({ db in try db.nextJob(at: time) != nil }) else { return nil }
    return try await noted { db in
      guard let id = try db.nextJob(at: time) else { return nil }
      let token = UUID()
      let row = try Row.fetchOne(
        db,
        cached: """
          UPDATE ingestion_jobs SET state = 'extracting', attempts = attempts + 1, progress = '{}', lease_owner = ?,
            lease_token = ?, lease_expires_at = ?, run_after = NULL, updated_at = ?
          WHERE id = ? RETURNING *
          """,
        arguments: [
          worker.sql, token, time.addingTimeInterval(duration).sql, time.sql, id.sql,
        ])
      guard let job = try row.map(IngestionJob.init(row:)),
        let submission = try db.submission(job.submissionID, in: job.organizationID)
      else { throw StorageFailure.corrupt("job \(id) has no submission") }
      return ClaimedJob(
        job: job, submission: submission,
        lease: JobLease(jobID: id, organizationID: job.organizationID, token: token))
    }
  }

  /// Writes what a power cut may undo, where nothing depends on a lease yet.
  private func noted<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(StorageFailure) -> Value {
    do throws(LeaseFailure) { return try await database.noteUnderLease(body) } catch {
      guard case .storage(let failure) = error else { throw .corrupt("a lease was asked for: \(error)") }
      throw failure
    }
  }

  package func report(
    _ state: IngestionJob.State, progress: IngestionJob.Progress, under lease: JobLease, at time: Date,
    leaseFor duration: TimeInterval
  ) async throws(LeaseFailure) {
    try await database.noteUnderLease { db in
      guard state.isRunning else { throw StorageFailure.conflict("state") }
      let job = try db.leasedJob(lease)
      try db.execute(
        cached: """
          UPDATE ingestion_jobs SET state = ?, progress = ?, lease_expires_at = ?, updated_at = ? WHERE id = ?
          """,
        arguments: [
          state.rawValue.sql, try job.progress.merging([state: progress]) { _, new in new }.column(),
          time.addingTimeInterval(duration).sql, time.sql, job.id.sql,
        ])
    }
  }

  package func publish(
    _ draft: RevisionDraft, under lease: JobLease, at time: Date
  ) async throws(LeaseFailure) -> Publication {
    try await database.writeUnderLease { db in
      let job = try db.leasedJob(lease)
      let publication = try db.publish(draft, of: job, at: time)
      let (document, revision) = publication.ids
      try db.execute(
        cached: """
          UPDATE ingestion_jobs SET state = 'indexed', error = NULL, document_id = ?, revision_id = ?, lease_owner = NULL,
            lease_token = NULL, lease_expires_at = NULL, updated_at = ?
          WHERE id = ?
          """,
        arguments: [document.sql, revision.sql, time.sql, job.id.sql])
      try db.execute(
        cached: "UPDATE knowledge_submissions SET document_id = ? WHERE id = ? AND document_id IS NULL",
        arguments: [document.sql, job.submissionID.sql])
      return publication
    }
  }

  package func fail(
    _ reason: String, retryAt: Date?, under lease: JobLease, at time: Date
  ) async throws(LeaseFailure) {
    try await database.writeUnderLease { db in
      let job = try db.leasedJob(lease)
      let failed = try Row.fetchOne(
        db,
        cached: """
          UPDATE ingestion_jobs SET state = ?, error = ?, run_after = ?, lease_owner = NULL, lease_token = NULL,
            lease_expires_at = NULL, updated_at = ?
          WHERE id = ? RETURNING *
          """,
        arguments: [
          (retryAt == nil ? IngestionJob.State.failed : .queued).rawValue.sql, reason.sql, retryAt.sql, time.sql,
          job.id.sql,
        ])
      if retryAt == nil, let failed { try db.record(.failed(try IngestionJob(row: failed))) }
    }
  }

  package func release(_ lease: JobLease, at time: Date) async throws(LeaseFailure) {
    try await database.writeUnderLease { db in
      let job = try db.leasedJob(lease)
      try db.execute(
        cached: """
          UPDATE ingestion_jobs SET state = 'queued', attempts = attempts - 1, lease_owner = NULL, lease_token = NULL,
            lease_expires_at = NULL, updated_at = ?
          WHERE id = ?
          """,
        arguments: [time.sql, job.id.sql])
    }
  }

  package func pause(_ lease: JobLease, until resumption: Date, at time: Date) async throws(LeaseFailure) {
    try await database.writeUnderLease { db in
      let job = try db.leasedJob(lease)
      try db.execute(
        cached: """
          UPDATE ingestion_jobs SET state = 'queued', attempts = 0, run_after = ?, lease_owner = NULL,
            lease_token = NULL, lease_expires_at = NULL, updated_at = ?
          WHERE id = ?
          """,
        arguments: [resumption.sql, time.sql, job.id.sql])
    }
  }

  package func complete(_ lease: JobLease, at time: Date) async throws(LeaseFailure) {
    try await database.writeUnderLease { db in
      let job = try db.leasedJob(lease)
      try db.execute(
        cached: """
          UPDATE ingestion_jobs SET state = 'indexed', error = NULL, lease_owner = NULL, lease_token = NULL,
            lease_expires_at = NULL, updated_at = ?
          WHERE id = ?
          """,
        arguments: [time.sql, job.id.sql])
    }
  }

  package func deadLetters() async throws(StorageFailure) -> DeadLetters {
    try await database.read { db in
      let row = try Row.fetchOne(
        db,
        cached: """
          SELECT count(*) AS count, min(updated_at) AS oldest FROM ingestion_jobs INDEXED BY ingestion_jobs_dead_letters
          WHERE state = 'failed'
          """)
      guard let row else { return DeadLetters(count: 0, oldest: nil) }
      return DeadLetters(count: try row.value("count"), oldest: try row.optionalTime("oldest"))
    }
  }
}

extension Publication {
  fileprivate var ids: (DocumentID, RevisionID) {
    switch self {
    case .created(let document, let revision), .revised(let document, let revision),
      .alreadyThere(let document, let revision):
      (document, revision)
    }
  }
}

extension Database {
  /// The oldest job that is due of the tenant whose turn it is.
  ///
  /// The tenants with open jobs are found one by one, each by one step into the index, so that the time goes with their
  /// number and not with that of the jobs. The indexes are named because SQLite would rather take a covering one that
  /// holds all jobs that ever were: 8 ms instead of 0.02 with 50,000 of them.
  fileprivate func nextJob(at time: Date) throws -> JobID? {
    try Row.fetchOne(
      self,
      cached: """
        WITH RECURSIVE tenants (id) AS (
          SELECT min(organization_id) FROM ingestion_jobs INDEXED BY ingestion_jobs_open
          WHERE state NOT IN ('indexed', 'failed', 'cancelled')
          UNION ALL
          SELECT (
            SELECT min(organization_id) FROM ingestion_jobs INDEXED BY ingestion_jobs_open
            WHERE state NOT IN ('indexed', 'failed', 'cancelled') AND organization_id > tenants.id)
          FROM tenants WHERE tenants.id IS NOT NULL)
        SELECT j.id FROM tenants CROSS JOIN ingestion_jobs AS j ON j.id = (
          SELECT id FROM ingestion_jobs INDEXED BY ingestion_jobs_open
          WHERE state NOT IN ('indexed', 'failed', 'cancelled') AND organization_id = tenants.id
            AND (lease_expires_at <= :now OR (lease_token IS NULL AND (run_after IS NULL OR run_after <= :now)))
          ORDER BY created_at, id LIMIT 1)
        ORDER BY (
          SELECT count(*) FROM ingestion_jobs INDEXED BY ingestion_jobs_leased
          WHERE organization_id = tenants.id AND lease_token IS NOT NULL AND lease_expires_at > :now),
          j.created_at, j.id
        LIMIT 1
        """,
      arguments: ["now": time.sql]
    ).map { try $0.id("id") }
  }

  /// The job of a lease that still holds.
  func leasedJob(_ lease: JobLease) throws -> IngestionJob {
    let row = try Row.fetchOne(
      self, cached: "SELECT * FROM ingestion_jobs WHERE id = ? AND organization_id = ? AND lease_token = ?",
      arguments: [lease.jobID.sql, lease.organizationID.sql, lease.token])
    guard let row else { throw LeaseFailure.lost }
    return try IngestionJob(row: row)
  }
}
