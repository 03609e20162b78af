import Foundation
import PostgresStorage
import PostgresTesting
import SchemaMigrations
import Testing

@Suite("PostgreSQL: why a start fails", .needsPostgres)
struct PostgresStartFailureTests {
  /// What the start says of a URL.
  private static func failure(of url: String) async throws -> PostgresStartFailure {
    do {
      try await PostgresMigrator(url: url).up()
    } catch let failure as PostgresStartFailure {
      return failure
    }
    throw PostgresTestFailure("the start succeeded")
  }

  @Test("a port where nothing listens: the address, and what to check")
  func unreachable() async throws {
    let failure = try await Self.failure(of: "postgresql://someone:geheim@127.0.0.1:1/wiki")
    #expect(
      failure
        == .connection(
          .unreachable, target: ConnectionTarget(address: "127.0.0.1:1", login: "someone", database: "wiki")))
    #expect("\(failure)".contains("127.0.0.1:1") && "\(failure)".contains("check that it runs"))
    #expect(!"\(failure)".contains("geheim"))
  }

  @Test("a database that is not there: the statement that makes it")
  func unknownDatabase() async throws {
    let failure = try await Self.failure(of: PostgresTestServer.url(ofDatabase: "opentier_testing_nowhere"))
    guard case .connection(.refused("3D000"), _) = failure else { throw failure }
    #expect("\(failure)".contains("\"opentier_testing_nowhere\"") && "\(failure)".contains("CREATE DATABASE"))
  }

  @Test("a login that is not there is refused")
  func unknownLogin() async throws {
    let url = try PostgresTestServer.url(PostgresTestServer.required(), asLogin: "opentier_testing_nobody")
    let failure = try await Self.failure(of: url)
    guard case .connection(.refused(let state), _) = failure else { throw failure }
    // By password the server does not tell an unknown login from a wrong password.
    #expect(["28000", "28P01"].contains(state))
    #expect("\(failure)".contains("\"opentier_testing_nobody\""))
  }

  @Test("a database in another encoding is refused before anything is changed")
  func encoding() async throws {
    try await withEmptyDatabase { url in
      let name = try PostgresTestServer.databaseName(in: url)
      let server = try PostgresTestServer.required()
      try await PostgresTestServer.execute("DROP DATABASE \(name)", at: server)
      try await PostgresTestServer.execute(
        "CREATE DATABASE \(name) TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'", at: server)
      #expect(try await Self.failure(of: url) == .encoding("LATIN1", database: name))
      #expect(try await PostgresTestServer.execute("SELECT to_regclass('schema_migrations')", at: url) == [[nil]])
    }
  }

  @Test("a URL that cannot be read is refused without quoting it")
  func malformedURL() {
    #expect {
      try PostgresMigrator(url: "postgresql://u:geheim@host:port/wiki")
    } throws: { error in
      guard case .configuration = error as? PostgresStartFailure else { return false }
      return !"\(error)".contains("geheim")
    }
  }

  @Test("pgvector in another schema is refused, and accepted once it was moved as the failure says")
  func vectorElsewhere() async throws {
    try await withEmptyDatabase { url in
      try await PostgresTestServer.execute("CREATE SCHEMA other; CREATE EXTENSION vector SCHEMA other", at: url)
      #expect(try await Self.failure(of: url) == .vectorElsewhere("other"))
      try await PostgresTestServer.execute("ALTER EXTENSION vector SET SCHEMA public", at: url)
      try await PostgresMigrator(url: url).up()
    }
  }

  @Test("a session that cannot write is told to go to the primary")
  func readOnly() async throws {
    try await withEmptyDatabase { url in
      let name = try PostgresTestServer.databaseName(in: url)
      try await PostgresTestServer.execute("ALTER DATABASE \(name) SET default_transaction_read_only = on", at: url)
      #expect(try await Self.failure(of: url) == .readOnly)
    }
  }

  @Test("a connection that ends in the middle of a migration leaves nothing of it, and the next start goes on")
  func lostConnection() async throws {
    try await withEmptyDatabase { url in
      let name = "20260101000000_slow"
      func migrator(_ sql: String) throws -> PostgresMigrator {
        try PostgresMigrator(
          url: url,
          files: [("\(name).up.sql", Data(sql.utf8)), ("\(name).down.sql", Data("DROP TABLE t".utf8))])
      }
      let slow = try migrator("CREATE TABLE t (x int); SELECT pg_sleep(60);")
      let failing = Task { try await slow.up() }
      let killed = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()
        """
      while try await PostgresTestServer.execute(killed, at: url) == [["0"]] {
        try await Task.sleep(for: .milliseconds(20))
      }
      await #expect {
        try await failing.value
      } throws: { error in
        if case .connection = error as? PostgresStartFailure { true } else { false }
      }
      let names = try await migrator("CREATE TABLE t (x int);").up()
      #expect(names == [name])
    }
  }

  @Test(
    "each refusal of the server is told with what to do, and never in the driver's words",
    arguments: [
      ("28P01", "password"), ("28000", "pg_hba.conf"), ("3D000", "CREATE DATABASE"), ("42501", "GRANT CONNECT"),
      ("53300", "max_connections"), ("57P03", "try again"), ("08P01", "pooler"),
      ("XX000", "disk"), ("0A000", "0A000"),
    ])
  func refusals(_ state: String, hint: String) {
    let target = ConnectionTarget(address: "db:5432", login: "owner", database: "wiki")
    #expect("\(PostgresStartFailure.connection(.refused(sqlState: state), target: target))".contains(hint))
  }

  @Test("a full disk is told as such")
  func diskFull() {
    #expect("\(PostgresStartFailure.diskFull)".contains("disk"))
  }
}
