import PostgresStorage
import PostgresTesting
import Testing

@Suite("PostgreSQL: logins that are no superuser", .needsPostgres)
struct DatabaseLoginTests {
  private static let application = PostgresDatabase.applicationRole

  /// The roles are there, as they are on every server that the tests have used before.
  private static func withRoles<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    try await withMigratedDatabase(body)
  }

  @Test("the owner of a database is told all that a superuser has to run, and after that migrates up and down")
  func owner() async throws {
    try await withLogin { login in
      try await Self.withRoles { _ in
        try await withEmptyDatabase { url in
          let name = try PostgresTestServer.databaseName(in: url)
          try await PostgresTestServer.execute("CREATE SCHEMA other", at: url)
          let migrator = try PostgresMigrator(url: PostgresTestServer.url(url, asLogin: login))
          let statements = try await Self.missingRights { try await migrator.up() }
          #expect(statements.contains("ALTER DATABASE \"\(name)\" OWNER TO \"\(login)\""))
          #expect(statements.contains { $0.hasPrefix("GRANT \(Self.application) TO \"\(login)\"") })
          #expect(try await PostgresTestServer.execute("SELECT to_regclass('schema_migrations')", at: url) == [[nil]])

          try await PostgresTestServer.execute(statements.joined(separator: ";"), at: url)
          let names = try await migrator.up()
          #expect(!names.isEmpty)
          #expect(try await migrator.down(steps: names.count) == names.reversed())
          #expect(try await migrator.up() == names)
        }
      }
    }
  }

  @Test("an owner of every table sees no row, unless it acts as the role that is made for it")
  func ownerSeesNothing() async throws {
    try await withLogin { login in
      try await withOwnedDatabase(by: login) { url in
        let owned = try PostgresTestServer.url(url, asLogin: login)
        let select = "SELECT count(*) FROM organizations"
        let version = try await PostgresTestServer.execute("SHOW server_version_num", at: url)[0][0] ?? ""
        // Before PostgreSQL 16 a membership always hands on the rights of the role.
        if version >= "160000" { #expect(try await PostgresTestServer.execute(select, at: owned) == [["0"]]) }
        let tenant = "SET app.organization_id = '00000000-0000-7000-8000-000000000001'"
        #expect(
          try await PostgresTestServer.execute("SET ROLE \(Self.application); \(select)", at: owned) == [["0"]])
        #expect(
          try await PostgresTestServer.execute("SET ROLE \(Self.application); \(tenant); \(select)", at: owned)
            == [["1"]])
      }
    }
  }

  @Test("preparing for an application lets its login act as the transactions' role, once")
  func prepare() async throws {
    try await withLogin { login in
      try await withEmptyDatabase { url in
        let applicationURL = try PostgresTestServer.url(url, asLogin: login)
        let migrator = try PostgresMigrator(url: url)
        try await migrator.up()
        _ = try await Self.missingRights { try await PostgresMigrator.checkAccess(url: applicationURL) }
        #expect(try await migrator.prepare(for: applicationURL).isEmpty)
        try await PostgresMigrator.checkAccess(url: applicationURL)
        #expect(try await migrator.prepare(for: applicationURL).isEmpty)
        let database = PostgresDatabase(configuration: try PostgresConfiguration(url: applicationURL))
        let rows = try await database.query(in: nil, "SELECT current_user::text AS acting, session_user::text AS login")
        #expect(try rows[0].value("acting", as: String.self) == Self.application)
        #expect(try rows[0].value("login", as: String.self) == login)
        await database.close()
      }
    }
  }

  @Test("the login that migrates needs no separate access")
  func sameLogin() async throws {
    try await withLogin { login in
      try await withOwnedDatabase(by: login) { url in
        let owned = try PostgresTestServer.url(url, asLogin: login)
        #expect(try await PostgresMigrator(url: owned).prepare(for: owned).isEmpty)
      }
    }
  }

  @Test("many that give the same access at once all succeed")
  func concurrentGrants() async throws {
    try await withLogin { login in
      try await withMigratedDatabase { url in
        try await withThrowingTaskGroup { group in
          for _ in 0..<8 { group.addTask { try await PostgresMigrator(url: url).grantAccess(to: login) } }
          try await group.waitForAll()
        }
        try await PostgresMigrator.checkAccess(url: PostgresTestServer.url(url, asLogin: login))
      }
    }
  }

  @Test("access for a login that is not there, or by one that may not give it, is refused with what to do")
  func refusedGrants() async throws {
    try await withLogin { login in
      try await withMigratedDatabase { url in
        let nobody = "opentier_testing_nobody"
        await #expect(throws: PostgresStartFailure.unknownLogin(nobody)) {
          try await PostgresMigrator(url: url).grantAccess(to: nobody)
        }
        let powerless = try PostgresMigrator(url: PostgresTestServer.url(url, asLogin: login))
        let statements = try await Self.missingRights { try await powerless.grantAccess(to: login) }
        #expect(statements.count == 1 && statements[0].hasPrefix("GRANT \(Self.application) TO \"\(login)\""))
        try await PostgresTestServer.execute(statements[0], at: url)
        try await powerless.grantAccess(to: login)
      }
    }
  }

  /// Runs `body` with the superuser's URL of a migrated database that belongs to a login with no more rights than the
  /// start asks for.
  private func withOwnedDatabase(by login: String, _ body: (String) async throws -> Void) async throws {
    try await Self.withRoles { _ in
      try await withEmptyDatabase { url in
        let migrator = try PostgresMigrator(url: PostgresTestServer.url(url, asLogin: login))
        let statements = try await Self.missingRights { try await migrator.up() }
        try await PostgresTestServer.execute(statements.joined(separator: ";"), at: url)
        try await migrator.up()
        try await body(url)
      }
    }
  }

  /// The statements that a start asks a superuser to run.
  private static func missingRights<Value>(_ body: () async throws -> Value) async throws -> [String] {
    do {
      _ = try await body()
    } catch PostgresStartFailure.missingRights(_, _, let statements) {
      return statements
    }
    throw PostgresTestFailure("nothing was missing")
  }
}
