import PostgresTesting
import Testing

@testable import PostgresStorage

@Suite("PostgreSQL: what doctor says of a database", .needsPostgres)
struct PostgresExaminationTests {
  private typealias Finding = PostgresExamination.Finding

  private static func findings(_ url: String, login: String? = nil) async throws -> [String: Finding] {
    let application = try login.map { try PostgresTestServer.url(url, asLogin: $0) } ?? url
    let found = await PostgresExamination.findings(
      application: try PostgresConfiguration(url: application), migrationURL: url)
    return Dictionary(uniqueKeysWithValues: found.map { ($0.name, $0) })
  }

  @Test("all is well with a migrated database, and each finding says what is there")
  func well() async throws {
    try await withMigratedDatabase { url in
      let findings = try await Self.findings(url)
      #expect(findings.count == 6)
      for finding in findings.values { #expect(finding.isWell, "\(finding)") }
      let tables = try await TenantTable.all(at: url).count
      #expect(findings["row security"]?.detail == "enabled and forced on all \(tables) tables of tenants")
      #expect(findings["database server"]?.detail.hasPrefix("PostgreSQL 1") == true)
      let version = try await PostgresTestServer.execute(
        "SELECT extversion FROM pg_extension WHERE extname = 'vector'", at: url)
      #expect(findings["pgvector"]?.detail == version[0][0])
      #expect(findings["database pool"]?.detail.contains("1 to 10 connections and a listener") == true)
    }
  }

  @Test("an empty database has its migrations named, with what applies them")
  func empty() async throws {
    try await withEmptyDatabase { url in
      let schema = try await Self.findings(url)["database schema"]
      #expect(schema?.isWell == false)
      #expect(schema?.detail.contains("opentier migrate up") == true)
      #expect(schema?.detail.contains("20261121120000_initial") == true)
    }
  }

  @Test("a table without row-level security is named")
  func openTable() async throws {
    try await withMigratedDatabase { url in
      for change in ["NO FORCE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"] {
        try await PostgresTestServer.execute("ALTER TABLE documents \(change)", at: url)
        let finding = try await Self.findings(url)["row security"]
        #expect(finding?.isWell == false)
        #expect(finding?.detail.contains("on documents, so") == true)
        try await PostgresTestServer.execute(
          "ALTER TABLE documents FORCE ROW LEVEL SECURITY; ALTER TABLE documents ENABLE ROW LEVEL SECURITY", at: url)
      }
      try await PostgresTestServer.execute("DROP POLICY tenant ON users; DROP POLICY system ON users", at: url)
      #expect(try await Self.findings(url)["row security"]?.detail.contains("on users, so") == true)
    }
  }

  @Test("a login that may not act as the transactions' role is told the statement that lets it")
  func stranger() async throws {
    try await withLogin { login in
      try await withMigratedDatabase { url in
        let before = try await Self.findings(url, login: login)["database roles"]
        #expect(before?.isWell == false)
        let grant = "GRANT opentier_app TO \"\(login)\""
        #expect(before?.detail.contains(grant) == true)
        try await PostgresTestServer.execute(grant, at: url)
        let after = try await Self.findings(url, login: login)["database roles"]
        #expect(after?.isWell == true)
        #expect(after?.detail.contains("no superuser") == true)
        try await PostgresTestServer.execute("REVOKE opentier_app FROM \"\(login)\"", at: url)
      }
    }
  }

  @Test("a login with fewer connections than the pool wants is told which number would fit")
  func pool() async throws {
    try await withLogin("CONNECTION LIMIT 5") { login in
      try await withMigratedDatabase { url in
        let finding = try await Self.findings(url, login: login)["database pool"]
        #expect(finding?.isWell == false)
        #expect(finding?.detail.contains("may have 5: lower database.maximumConnections to 4 or less") == true)
      }
    }
  }

  @Test("how many processes fit is told, and behind a pooler that its limits count")
  func processes() throws {
    let pool = try PostgresConfiguration(url: "postgresql://a@b/c")
    let facts = { ConnectionFacts(server: $0, ownLimit: $1, inUse: 3, isThroughPooler: $2).finding(for: pool) }
    #expect(facts(97, nil, false).detail.contains("3 in use on the server now: enough for 8 processes"))
    #expect(facts(11, nil, false).isWell)
    #expect(facts(10, nil, false).detail.contains("lower database.maximumConnections to 9 or less, or raise max_conn"))
    #expect(facts(97, 10, false).detail.contains("CONNECTION LIMIT"))
    #expect(facts(10, nil, true).isWell)
    #expect(facts(10, nil, true).detail.contains("pooler"))
  }

  @Test("without a connection only that is told, and no secret")
  func unreachable() async throws {
    let url = "postgresql://ada:hush-hush@127.0.0.1:1/knowledge"
    let found = await PostgresExamination.findings(
      application: try PostgresConfiguration(url: url), migrationURL: url)
    #expect(found.map(\.name) == ["database server"])
    #expect(found.allSatisfy { !$0.isWell && $0.detail.contains("127.0.0.1:1") && !$0.detail.contains("hush") })
  }
}
