import Application
import Domain
import FoundationEssentials

extension CollectionItem {
  /// Reads a row of `collection_items`.
  init(row: PostgresRow) throws {
    self.init(
      key: try row.value("key"), depth: try row.value("depth"), state: try row.enumeration("state"),
      attempts: try row.value("attempts"), offered: try row.optional("offered"),
      validators: ItemValidators(
        version: try row.optional("version"), etag: try row.optional("etag"),
        lastModified: try row.optional("last_modified")))
  }
}

extension CollectionRun {
  /// Reads a row of `collection_runs`.
  init(row: PostgresRow) throws {
    self.init(
      collection: try row.hash("collection"), version: try row.value("version"), startedAt: try row.time("started_at"))
  }
}

extension SQL {
  /// The run of a tenant's job.
  static func run(of job: JobID, in organization: OrganizationID) -> SQL {
    "SELECT * FROM collection_runs WHERE job_id = \(job) AND organization_id = \(organization)"
  }
}

// The statements of a collection, which its hash names.
extension SecretHash {
  /// Forgets what the run has listed before, and how items looked that never became documents.
  func forgetting(_ lease: JobLease) -> [SQL] {
    [
      """
      UPDATE collection_items SET run_id = NULL
      WHERE organization_id = \(lease.organizationID) AND collection = \(self) AND run_id = \(lease.jobID)
      """,
      """
      UPDATE collection_items AS i SET version = NULL, etag = NULL, last_modified = NULL
      WHERE organization_id = \(lease.organizationID) AND collection = \(self) AND job_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM ingestion_jobs AS j WHERE j.id = i.job_id AND j.state = 'indexed')
      """,
    ]
  }

  /// Adds listed items to the run.
  func listing(_ items: [ListedItem], _ lease: JobLease, at time: Date) -> SQL {
    """
    INSERT INTO collection_items AS i (organization_id, collection, key, run_id, state, offered, reason, updated_at)
    SELECT \(lease.organizationID), \(self), l.key, \(lease.jobID),
      l.state::collection_item_state, l.offered, l.reason, \(time)
    FROM unnest(\(items.map(\.key)), \(items.map(\.state.rawValue)), \(items.map(\.version)), \(items.map(\.failure)))
      AS l (key, state, offered, reason)
    ON CONFLICT (organization_id, collection, key) DO UPDATE SET
      run_id = excluded.run_id, attempts = 0, offered = excluded.offered, reason = excluded.reason,
      updated_at = excluded.updated_at,
      state = CASE
        WHEN excluded.state <> 'waiting' THEN excluded.state::text
        WHEN i.version = excluded.offered AND i.state IN ('handed_on', 'unchanged') THEN 'unchanged'
        ELSE 'waiting' END::collection_item_state
    """
  }

  /// Takes what earlier runs know over into the run: gone where the list was complete, else waiting.
  func takingOver(isComplete: Bool, _ lease: JobLease, at time: Date) -> SQL {
    """
    UPDATE collection_items SET run_id = \(lease.jobID),
      state = \(enumeration: isComplete ? CollectionItem.State.gone : .waiting), attempts = 0,
      reason = \(isComplete ? CollectionItem.goneReason : nil), updated_at = \(time)
    WHERE organization_id = \(lease.organizationID) AND collection = \(self)
      AND run_id IS DISTINCT FROM \(lease.jobID) AND state <> 'gone'
    """
  }

  /// Records what was found out about an item.
  func settling(_ item: SettledItem, isCut: Bool, _ lease: JobLease, at time: Date) -> SQL {
    let seen: SQL =
      item.state == .handedOn || item.state == .unchanged
      ? """
      , version = \(item.validators.version), etag = \(isCut ? nil : item.validators.etag),
      last_modified = \(isCut ? nil : item.validators.lastModified)
      """ : ""
    let child: SQL = item.child.map { ", job_id = \($0.job.id), byte_count = \(item.byteCount)" } ?? ""
    return """
      UPDATE collection_items SET state = \(enumeration: item.state),
        attempts = attempts + \(Int32(item.state == .waiting ? 1 : 0)), reason = \(item.reason), updated_at = \(time)\(seen)\(child)
      WHERE organization_id = \(lease.organizationID) AND collection = \(self) AND key = \(item.key)
        AND run_id = \(lease.jobID)
      """
  }
}

extension PostgresTransaction {
  /// Locks the job of a lease that still holds.
  func lock(_ lease: JobLease) async throws {
    let held = try await first(
      """
      SELECT id FROM ingestion_jobs
      WHERE id = \(lease.jobID) AND organization_id = \(lease.organizationID) AND lease_token = \(lease.token)
      FOR UPDATE
      """)
    if held == nil { throw LeaseFailure.lost }
  }

  /// Makes other runs of a collection wait until this one is written down; `false` when there is one that has not ended.
  func lock(_ collection: SecretHash, for lease: JobLease) async throws -> Bool {
    let name = "opentier collection \(lease.organizationID) \(collection.hexadecimal)"
    try await execute("SELECT pg_advisory_xact_lock(hashtextextended(\(name), 0))")
    return try await first(
      """
      SELECT r.job_id FROM collection_runs AS r JOIN ingestion_jobs AS j ON j.id = r.job_id
      WHERE r.organization_id = \(lease.organizationID) AND r.collection = \(collection) AND r.job_id <> \(lease.jobID)
        AND j.state NOT IN ('indexed', 'failed', 'cancelled')
      LIMIT 1
      """) == nil
  }

  /// How many items the run of a lease's job knows of.
  func itemCount(_ lease: JobLease) async throws -> Int {
    let row = try await first(
      """
      SELECT count(*) AS items FROM collection_items
      WHERE organization_id = \(lease.organizationID) AND run_id = \(lease.jobID)
      """)
    return try row?.value("items") ?? 0
  }

  /// Adds what an item names, as far as there is room, and says whether there was too little.
  func add(
    _ item: SettledItem, room: inout Int, to collection: SecretHash, _ lease: JobLease, at time: Date
  ) async throws -> Bool {
    guard !item.found.isEmpty else { return false }
    let known = Set(
      try await rows(
        """
        SELECT key FROM collection_items
        WHERE organization_id = \(lease.organizationID) AND collection = \(collection) AND key = ANY (\(item.found))
          AND run_id = \(lease.jobID)
        """
      ).map { try $0.value("key", as: String.self) })
    let new = item.found.filter { !known.contains($0) }
    let taken = Array(new.prefix(max(room, 0)))
    room -= taken.count
    try await execute(
      """
      INSERT INTO collection_items (organization_id, collection, key, run_id, depth, state, updated_at)
      SELECT \(lease.organizationID), \(collection), key, \(lease.jobID), \(Int32(item.foundDepth)), 'waiting', \(time)
      FROM unnest(\(taken)) AS key
      ON CONFLICT (organization_id, collection, key) DO UPDATE SET
        run_id = excluded.run_id, state = 'waiting', attempts = 0, reason = NULL, updated_at = excluded.updated_at
      """)
    return taken.count < new.count
  }

  /// How the items of a run stand.
  func report(of job: JobID, in organization: OrganizationID) async throws -> CollectionReport {
    var report = CollectionReport()
    let counts = try await rows(
      """
      SELECT i.state, j.state AS job_state, count(*) AS items, sum(i.byte_count)::bigint AS bytes
      FROM collection_items AS i LEFT JOIN ingestion_jobs AS j ON j.id = i.job_id
      WHERE i.organization_id = \(organization) AND i.run_id = \(job) GROUP BY i.state, j.state
      """)
    for row in counts {
      report.count(
        try row.enumeration("state"), job: try row.optionalEnumeration("job_state"), items: try row.value("items"),
        bytes: try row.value("bytes"))
    }
    report.problems = try await rows(
      """
      SELECT i.key, CASE i.state WHEN 'handed_on' THEN 'failed' ELSE i.state END AS state,
        coalesce(i.reason, j.error, 'failed') AS reason
      FROM collection_items AS i LEFT JOIN ingestion_jobs AS j ON j.id = i.job_id
      WHERE i.organization_id = \(organization) AND i.run_id = \(job) AND (
        (i.state IN ('failed', 'skipped', 'gone') AND i.reason IS NOT NULL)
        OR (i.state = 'handed_on' AND j.state = 'failed'))
      ORDER BY CASE i.state WHEN 'gone' THEN 1 WHEN 'skipped' THEN 2 ELSE 0 END, i.key
      LIMIT \(CollectionReport.maximumProblems)
      """
    ).map { row in
      CollectionReport.Problem(
        key: try row.value("key"), state: try row.enumeration("state"), reason: try row.value("reason"))
    }
    return report
  }
}
