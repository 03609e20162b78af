import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Testing

/// What the server counted while the repositories' own statements ran: which indexes were used, and how many rows were
/// read.
@Suite("PostgreSQL: the repositories' statements take their indexes", .needsPostgres)
struct IndexUseTests {
  private struct Counts {
    /// How often each index was looked into.
    var indexes: [String: Int] = [:]
    /// How many rows were read through indexes, by table.
    var rows: [String: Int] = [:]
    /// The tables that were read from end to end.
    var scanned: Set<String> = []
  }

  /// Counts what `body` makes the server do. The counts of a connection are complete when it has ended.
  private func counting(at url: String, _ body: (PostgresStorage) async throws -> Void) async throws -> Counts {
    // A connection that ends tells what it has done a moment later: it must not be counted after the reset.
    try await othersHaveEnded(at: url)
    try await PostgresTestServer.execute("SELECT pg_stat_reset()", at: url)
    try await withStorage(at: url, body)
    var counts = Counts()
    let indexes = "SELECT indexrelname, idx_scan FROM pg_stat_user_indexes WHERE idx_scan > 0"
    for row in try await PostgresTestServer.execute(indexes, at: url) {
      counts.indexes[row[0] ?? ""] = row[1].flatMap { Int($0) }
    }
    let tables = "SELECT relname, coalesce(idx_tup_fetch, 0), seq_tup_read FROM pg_stat_user_tables"
    for row in try await PostgresTestServer.execute(tables, at: url) {
      counts.rows[row[0] ?? ""] = row[1].flatMap { Int($0) }
      if row[2] != "0" { counts.scanned.insert(row[0] ?? "") }
    }
    return counts
  }

  /// Runs `body` with a storage whose connections have all ended afterwards.
  private func withStorage(at url: String, _ body: (PostgresStorage) async throws -> Void) async throws {
    let storage = try await PostgresStorage(configuration: PostgresConfiguration(url: url))
    let result: Result<Void, any Error>
    do { result = .success(try await body(storage)) } catch { result = .failure(error) }
    await storage.close()
    try result.get()
    try await othersHaveEnded(at: url)
  }

  private func othersHaveEnded(at url: String) async throws {
    let others = """
      SELECT count(*) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
      """
    for _ in 0..<500 where try await PostgresTestServer.execute(others, at: url) != [["0"]] {
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  @Test("a claim reads a few rows of fifty thousand jobs, whenever its plan was made", arguments: [false, true])
  func claim(_ planIsOld: Bool) async throws {
    try await withMigratedDatabase { url in
      try await PostgresTestServer.execute("ALTER TABLE ingestion_jobs SET (autovacuum_enabled = off)", at: url)
      func fill() async throws {
        for _ in 0..<5 { try await TestTenant().queueJobs(10_000, at: url) }
      }
      if !planIsOld {
        try await fill()
        try await PostgresTestServer.execute("ANALYZE", at: url)
      }
      let counts = try await counting(at: url) { storage in
        if planIsOld {
          // On a new server the connections plan while the tables are empty, and keep those plans.
          for _ in 0..<10 { _ = try await storage.jobQueue.claim(by: "w", at: .instant(0), leaseFor: 60) }
          try await fill()
        }
        for _ in 0..<20 {
          let claimed = try await storage.jobQueue.claim(by: "w", at: .instant(0), leaseFor: 60)
          let lease = try #require(claimed).lease
          try await storage.jobQueue.report(
            .chunking, progress: .init(done: 1, total: 1), under: lease, at: .instant(1), leaseFor: 60)
          try await storage.jobQueue.fail("x", retryAt: nil, under: lease, at: .instant(2))
        }
      }
      #expect(!counts.scanned.contains("ingestion_jobs"), "\(counts)")
      #expect(try #require(counts.rows["ingestion_jobs"]) < 20 * 100, "\(counts)")
      for index in ["ingestion_jobs_ready", "ingestion_jobs_leases", "ingestion_jobs_delayed"] {
        #expect(counts.indexes[index, default: 0] >= 20, "\(counts)")
      }
    }
  }

  @Test("a claim among a thousand tenants steps from one to the next")
  func manyTenants() async throws {
    try await withMigratedDatabase { url in
      try await PostgresTestServer.execute(
        """
        WITH submitted AS (
          INSERT INTO knowledge_submissions (id, organization_id, contributor_id, title, content_kind, byte_count)
          SELECT gen_random_uuid(), md5((n % 1000)::text)::uuid, gen_random_uuid(), 'Title', 'text', 4
          FROM generate_series(1, 20000) AS n RETURNING id, organization_id)
        INSERT INTO ingestion_jobs (id, organization_id, submission_id)
        SELECT gen_random_uuid(), organization_id, id FROM submitted
        """, at: url)
      let counts = try await counting(at: url) { storage in
        let claimed = try await storage.jobQueue.claim(by: "w", at: .instant(0), leaseFor: 60)
        #expect(claimed != nil)
      }
      #expect(counts.scanned.isEmpty, "\(counts)")
      #expect(try #require(counts.rows["ingestion_jobs"]) < 3000, "\(counts)")
    }
  }

  @Test("a session is looked up in one statement that reads one row of each table")
  func session() async throws {
    try await withMigratedDatabase { url in
      var random = SplitMix64(seed: 1)
      var settled: SettledTenant?
      try await withStorage(at: url) { storage in settled = try await SettledTenant(in: storage, &random) }
      let tenant = try #require(settled)
      // Half of the ids begin with 00 and half with ff: where the session's user is among the first or the last of all by
      // chance, the planner looks the ends of the index up, which counts as a use.
      try await PostgresTestServer.execute(
        """
        INSERT INTO sessions (id, session_token, user_id, organization_id, role)
        SELECT gen_random_uuid(), sha256(n::text::bytea), '\(tenant.user.id)', '\(tenant.id)', 'user'
        FROM generate_series(1, 5000) AS n;
        INSERT INTO users (id, organization_id, email, display_name)
        SELECT (CASE n % 2 WHEN 0 THEN '00' ELSE 'ff' END || substr(md5(n::text), 3))::uuid, '\(tenant.id)',
          n || '@example.org', 'U'
        FROM generate_series(1, 5000) AS n;
        ANALYZE
        """, at: url)
      let counts = try await counting(at: url) { storage in
        for _ in 0..<10 {
          let found = try await storage.sessions.session(for: tenant.tokenHash, at: .instant(1))
          #expect(found == tenant.session)
        }
      }
      #expect(counts.scanned.isEmpty, "\(counts)")
      #expect(counts.indexes == ["sessions_session_token": 10, "users_pkey": 10], "\(counts)")
    }
  }

  @Test("lists of thousands read a page")
  func lists() async throws {
    try await withMigratedDatabase { url in
      let tenant = TestTenant()
      try await tenant.queueJobs(5000, state: "indexed", at: url)
      try await tenant.queueJobs(300, state: "failed", at: url)
      try await tenant.queueJobs(300, state: "embedding", at: url)
      try await tenant.queueJobs(5000, state: "indexed", at: url)
      try await PostgresTestServer.execute("ANALYZE", at: url)
      let states: [(IngestionJob.State?, String)] = [
        (nil, "ingestion_jobs_newest"), (.failed, "ingestion_jobs_failed"), (.embedding, "ingestion_jobs_open"),
      ]
      for (state, index) in states {
        let counts = try await counting(at: url) { storage in
          var after: PageCursor?
          for _ in 0..<3 {
            let page = try await storage.jobs.jobs(
              in: tenant.id, state: state, page: PageRequest(size: 50, after: after))
            #expect(page.items.count == 50)
            after = page.next
          }
        }
        #expect(counts.scanned.isEmpty, "\(counts)")
        #expect(counts.indexes == [index: 3], "\(counts)")
        #expect(try #require(counts.rows["ingestion_jobs"]) <= 3 * 51, "\(counts)")
      }
    }
  }

  @Test("publishing finds the document of a source and of bytes without reading the tenant's others")
  func publishing() async throws {
    try await withMigratedDatabase { url in
      let tenant = TestTenant()
      var published: Publication?
      try await withStorage(at: url) { storage in
        published = try await tenant.publish("old", sourceURI: "file:mine", in: storage)
        try await tenant.queueJob(tenant.submission(sourceURI: "file:mine"), in: storage)
        try await tenant.queueJob(in: storage, at: .instant(1))
      }
      guard case .created(let document, _)? = published else { throw StorageFailure.conflict("document") }
      try await PostgresTestServer.execute(
        """
        WITH made AS (
          INSERT INTO documents (id, organization_id, source_uri)
          SELECT gen_random_uuid(), '\(tenant.id)', 'file:' || n FROM generate_series(1, 5000) AS n RETURNING id)
        INSERT INTO document_revisions (id, document_id, organization_id, number, title, media_type, content_hash,
          byte_count, submission_id, submitted_by, approved_by, published_at, text)
        SELECT gen_random_uuid(), id, '\(tenant.id)', 1, 'T', 'text/plain', sha256(id::text::bytea), 1, id, id, id, now(),
          'x' FROM made;
        ANALYZE
        """, at: url)
      let counts = try await counting(at: url) { storage in
        for text in ["new", "newer"] {
          let lease = try await tenant.claim(in: storage).lease
          let publication = try await storage.jobQueue.publish(.of(text), under: lease, at: .instant(20))
          if text == "new" {
            guard case .revised(document, _) = publication else {
              Issue.record("\(publication)")
              continue
            }
          }
        }
      }
      for table in ["documents", "document_revisions"] {
        #expect(!counts.scanned.contains(table), "\(counts)")
        #expect(counts.rows[table, default: 0] < 50, "\(counts)")
      }
    }
  }
}
