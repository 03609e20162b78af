import Application
import Domain
import FoundationEssentials
import GRDB

extension CollectionItem {
  /// Reads a row of `collection_items`.
  init(row: Row) throws {
    self.init(
      key: try row.value("key"), depth: try row.value("depth"), state: try row.enumeration("state"),
      attempts: try row.value("attempts"), offered: try row.optional("offered"),
      validators: ItemValidators(
        version: try row.optional("version"), etag: try row.optional("etag"),
        lastModified: try row.optional("last_modified")))
  }
}

extension Database {
  /// The run of a tenant's job.
  func run(of job: JobID, in organization: OrganizationID) throws -> CollectionRun? {
    try Row.fetchOne(
      self, cached: "SELECT * FROM collection_runs WHERE job_id = ? AND organization_id = ?",
      arguments: [job.sql, organization.sql]
    ).map { row in
      CollectionRun(
        collection: try row.hash("collection"), version: try row.value("version"),
        startedAt: try row.time("started_at"))
    }
  }

  /// Whether another job that has not ended runs for a collection.
  func isBusy(_ collection: SecretHash, besides lease: JobLease) throws -> Bool {
    try Row.fetchOne(
      self,
      cached: """
        SELECT 1 FROM collection_runs AS r JOIN ingestion_jobs AS j ON j.id = r.job_id
        WHERE r.organization_id = ? AND r.collection = ? AND r.job_id <> ?
          AND j.state NOT IN ('indexed', 'failed', 'cancelled')
        LIMIT 1
        """,
      arguments: [lease.organizationID.sql, collection.sql, lease.jobID.sql]) != nil
  }

  /// Forgets what the run has listed before, and how items looked that never became documents.
  func forget(_ collection: SecretHash, _ lease: JobLease) throws {
    try execute(
      cached: "UPDATE collection_items SET run_id = NULL WHERE organization_id = ? AND collection = ? AND run_id = ?",
      arguments: [lease.organizationID.sql, collection.sql, lease.jobID.sql])
    try execute(
      cached: """
        UPDATE collection_items SET version = NULL, etag = NULL, last_modified = NULL
        WHERE organization_id = ? AND collection = ? AND job_id IS NOT NULL
          AND (SELECT state FROM ingestion_jobs WHERE id = job_id) IS NOT 'indexed'
        """,
      arguments: [lease.organizationID.sql, collection.sql])
  }

  /// Adds a listed item to the run.
  func list(_ item: ListedItem, in collection: SecretHash, _ lease: JobLease, at time: Date) throws {
    try cachedStatement(
      sql: """
        INSERT INTO collection_items AS i (organization_id, collection, key, run_id, state, offered, reason, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (organization_id, collection, key) DO UPDATE SET
          run_id = excluded.run_id, attempts = 0, offered = excluded.offered, reason = excluded.reason,
          updated_at = excluded.updated_at,
          state = CASE
            WHEN excluded.state <> 'waiting' THEN excluded.state
            WHEN i.version = excluded.offered AND i.state IN ('handed_on', 'unchanged') THEN 'unchanged'
            ELSE 'waiting' END
        """
    ).execute(arguments: [
      lease.organizationID.sql, collection.sql, item.key.sql, lease.jobID.sql,
      item.state.rawValue.sql, item.version.sql,
      item.failure.sql, time.sql,
    ])
  }

  /// Takes what earlier runs know over into the run: gone where the list was complete, else waiting.
  func takeOver(_ collection: SecretHash, isComplete: Bool, _ lease: JobLease, at time: Date) throws {
    try execute(
      cached: """
        UPDATE collection_items SET run_id = ?, state = ?, attempts = 0, reason = ?, updated_at = ?
        WHERE organization_id = ? AND collection = ? AND run_id IS NOT ? AND state <> 'gone'
        """,
      arguments: [
        lease.jobID.sql, (isComplete ? CollectionItem.State.gone : .waiting).rawValue.sql,
        isComplete ? CollectionItem.goneReason.sql : .null, time.sql, lease.organizationID.sql, collection.sql,
        lease.jobID.sql,
      ])
  }

  /// How many items the run of a lease's job knows of.
  func itemCount(_ lease: JobLease) throws -> Int {
    try Int.fetchOne(
      self, cached: "SELECT count(*) FROM collection_items WHERE organization_id = ? AND run_id = ?",
      arguments: [lease.organizationID.sql, lease.jobID.sql]) ?? 0
  }

  /// Adds what an item names, as far as there is room, and says whether there was too little.
  func add(
    _ item: SettledItem, room: inout Int, to collection: SecretHash, _ lease: JobLease, at time: Date
  ) throws -> Bool {
    for key in item.found {
      let isKnown = try Row.fetchOne(
        self,
        cached:
          "SELECT 1 FROM collection_items WHERE organization_id = ? AND collection = ? AND key = ? AND run_id = ?",
        arguments: [lease.organizationID.sql, collection.sql, key.sql, lease.jobID.sql])
      guard isKnown == nil else { continue }
      guard room > 0 else { return true }
      room -= 1
      try execute(
        cached: """
          INSERT INTO collection_items (organization_id, collection, key, run_id, depth, state, updated_at)
          VALUES (?, ?, ?, ?, ?, 'waiting', ?)
          ON CONFLICT (organization_id, collection, key) DO UPDATE SET
            run_id = excluded.run_id, state = 'waiting', attempts = 0, reason = NULL, updated_at = excluded.updated_at
          """,
        arguments: [
          lease.organizationID.sql, collection.sql, key.sql, lease.jobID.sql, item.foundDepth, time.sql,
        ])
    }
    return false
  }

  /// Records what was found out about an item.
  func settle(
    _ item: SettledItem, isCut: Bool, in collection: SecretHash, _ lease: JobLease, at time: Date
  ) throws {
    let keepsValidators = item.state != .handedOn && item.state != .unchanged
    try execute(
      cached: """
        UPDATE collection_items SET state = ?1, attempts = attempts + ?2, reason = ?3, updated_at = ?4,
          version = CASE WHEN ?5 THEN version ELSE ?6 END, etag = CASE WHEN ?5 THEN etag ELSE ?7 END,
          last_modified = CASE WHEN ?5 THEN last_modified ELSE ?8 END,
          job_id = coalesce(?9, job_id), byte_count = CASE WHEN ?9 IS NULL THEN byte_count ELSE ?10 END
        WHERE organization_id = ?11 AND collection = ?12 AND key = ?13 AND run_id = ?14
        """,
      arguments: [
        item.state.rawValue.sql, item.state == .waiting ? 1 : 0, item.reason.sql, time.sql, keepsValidators,
        item.validators.version.sql, isCut ? .null : item.validators.etag.sql,
        isCut ? .null : item.validators.lastModified.sql, (item.child?.job.id).sql, item.byteCount,
        lease.organizationID.sql, collection.sql, item.key.sql, lease.jobID.sql,
      ])
  }

  /// How the items of a run stand.
  func report(of job: JobID, in organization: OrganizationID) throws -> CollectionReport {
    var report = CollectionReport()
    let counts = try Row.fetchAll(
      self,
      cached: """
        SELECT i.state, j.state AS job_state, count(*) AS items, sum(i.byte_count) AS bytes
        FROM collection_items AS i LEFT JOIN ingestion_jobs AS j ON j.id = i.job_id
        WHERE i.organization_id = ? AND i.run_id = ? GROUP BY i.state, j.state
        """,
      arguments: [organization.sql, job.sql])
    for row in counts {
      let name: String? = try row.optional("job_state")
      report.count(
        try row.enumeration("state"), job: name.flatMap(IngestionJob.State.init(rawValue:)),
        items: try row.value("items"), bytes: try row.value("bytes"))
    }
    report.problems = try Row.fetchAll(
      self,
      cached: """
        SELECT i.key, CASE i.state WHEN 'handed_on' THEN 'failed' ELSE i.state END AS state,
          coalesce(i.reason, j.error, 'failed') AS reason
        FROM collection_items AS i LEFT JOIN ingestion_jobs AS j ON j.id = i.job_id
        WHERE i.organization_id = ? AND i.run_id = ? AND (
          (i.state IN ('failed', 'skipped', 'gone') AND i.reason IS NOT NULL)
          OR (i.state = 'handed_on' AND j.state = 'failed'))
        ORDER BY CASE i.state WHEN 'gone' THEN 1 WHEN 'skipped' THEN 2 ELSE 0 END, i.key LIMIT ?
        """,
      arguments: [organization.sql, job.sql, CollectionReport.maximumProblems]
    ).map { row in
      CollectionReport.Problem(
        key: try row.value("key"), state: try row.enumeration("state"), reason: try row.value("reason"))
    }
    return report
  }
}
