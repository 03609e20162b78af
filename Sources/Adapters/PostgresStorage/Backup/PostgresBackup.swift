import Application
import FoundationEssentials
import SchemaMigrations
package import StorageBackups

/// Copies of a PostgreSQL database, as `pg_dump` writes them.
///
/// Everything runs as `opentier_system`, whose policies let it see every tenant: a login that owns the tables does not,
/// for row-level security is forced on it too.
package enum PostgresBackup {
  /// Dumps the database into a new file, while others may go on writing to it: dump and digests are of one snapshot.
  ///
  /// - Parameters:
  ///   - url: a login that owns the schema.
  ///   - tools: the folder of `pg_dump`; `nil` looks on the `PATH`.
  package static func dump(
    url: String, tools: String?, to path: String
  ) async throws(BackupFailure) -> (tables: [TableDigest], migrations: [String]) {
    try await connected(url) { connection, parameters throws(BackupFailure) in
      let tool = PostgresTool(name: "pg_dump", folder: tools, parameters: parameters)
      try await tool.check(serverVersion: await connection.serverVersion)
      return try await inSnapshot(connection) { contents throws(BackupFailure) in
        let snapshot = try await first(connection, "SELECT pg_export_snapshot() AS name", as: String.self, "name")
        _ = try await tool.run([
          "--format=custom", "--snapshot=\(snapshot)", "--role=opentier_system", "--enable-row-security",
          "--file=\(path)",
        ])
        return contents
      }
    }
  }

  /// What the database holds.
  package static func contents(
    url: String
  ) async throws(BackupFailure) -> (tables: [TableDigest], migrations: [String]) {
    try await connected(url) { connection, _ throws(BackupFailure) in
      try await inSnapshot(connection) { contents throws(BackupFailure) in contents }
    }
  }

  /// Restores a dump into a database that holds nothing of ours, in one transaction.
  ///
  /// - Parameters:
  ///   - migrations: those that the dump's schema has.
  ///   - replacing: whether what is there is dropped first.
  /// - Throws: `.occupied`, `.invalidArchive` for a schema that this binary does not know, or `.unavailable`.
  package static func restore(
    _ path: String, migrations: [String], url: String, tools: String?, replacing: Bool
  ) async throws(BackupFailure) {
    let migrator: PostgresMigrator
    do { migrator = try PostgresMigrator(url: url) } catch { throw .unavailable(error.description) }
    try await connected(url) { connection, parameters throws(BackupFailure) in
      let tool = PostgresTool(name: "pg_restore", folder: tools, parameters: parameters)
      try await tool.check(serverVersion: await connection.serverVersion)
      let isOccupied = try await first(
        connection, "SELECT to_regclass('public.schema_migrations') IS NOT NULL AS found", as: Bool.self, "found")
      guard replacing || !isOccupied else {
        throw .occupied("there is data of OpenTier in the database already; say --force to replace it")
      }
      try Self.checkSchema(migrations)
      let entries = try await Self.entries(of: path, with: tool)
      do throws(PostgresStartFailure) {
        // Up makes the roles and the extension, or says what is missing; down leaves just those.
        try await migrator.up()
        try await migrator.down(steps: .max)
      } catch {
        throw .unavailable(error.description)
      }
      try await execute(connection, "DROP TABLE IF EXISTS schema_migrations")
      try await restore(entries, of: path, with: tool)
      try await execute(connection, Self.handOver)
    }
  }

  /// Refuses a schema that this binary does not know.
  private static func checkSchema(_ migrations: [String]) throws(BackupFailure) {
    let known: Set<String>
    do { known = Set(try Migration.embedded(in: "migrations/postgres").map(\.name)) } catch {
      throw .unavailable(error.description)
    }
    guard let unknown = migrations.first(where: { !known.contains($0) }) else { return }
    throw .invalidArchive(
      "the backup is of a newer version, which has migration \(unknown): restore it with that one")
  }

  /// Gives the functions that look across tenants back to their role: a restored object belongs to who restored it.
  private static let handOver = """
    DO $$
    DECLARE
      target regprocedure;
    BEGIN
      FOR target IN
        SELECT p.oid::regprocedure FROM pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
      LOOP
        CALL protect_system_function(target);
      END LOOP;
    END
    $$
    """

  /// The dump's entries that are ours, once all of it has been read: what is there is dropped only for a dump that can
  /// be restored.
  private static func entries(of path: String, with tool: PostgresTool) async throws(BackupFailure) -> [Substring] {
    _ = try await tool.run(["--exit-on-error", "--file=/dev/null", path], onDatabase: false)
    // What belongs to the database rather than to us is there already, and may belong to somebody else.
    return try await tool.run(["--list", path], onDatabase: false).split(separator: "\n").filter { line in
      ![" EXTENSION - ", " COMMENT - EXTENSION ", " SCHEMA - public ", " COMMENT - SCHEMA "].contains {
        line.contains($0)
      }
    }
  }

  private static func restore(
    _ entries: [Substring], of path: String, with tool: PostgresTool
  ) async throws(BackupFailure) {
    let list = path + ".list"
    do {
      try Data((entries.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: list))
    } catch {
      throw .unavailable("\(list) cannot be written: is there room?")
    }
    let result: Result<String, BackupFailure>
    do throws(BackupFailure) {
      result = .success(
        try await tool.run([
          "--single-transaction", "--exit-on-error", "--no-owner", "--use-list=\(list)", path,
        ]))
    } catch {
      result = .failure(error)
    }
    try? FileManager.default.removeItem(atPath: list)  // A file left in the folder of the payload does no harm.
    _ = try result.get()
  }

  private static func inSnapshot<Value: Sendable>(
    _ connection: PostgresConnection,
    _ body: ((tables: [TableDigest], migrations: [String])) async throws(BackupFailure) -> Value
  ) async throws(BackupFailure) -> Value {
    // What no migration granted: the migrator's own table, and the counters behind identity columns.
    try await execute(
      connection,
      "GRANT SELECT ON schema_migrations TO opentier_system; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO opentier_system"
    )
    try await execute(
      connection,
      """
      BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
      SET LOCAL ROLE opentier_system;
      SET LOCAL TimeZone = 'UTC';
      SET LOCAL DateStyle = 'ISO';
      SET LOCAL IntervalStyle = 'postgres';
      SET LOCAL bytea_output = 'hex';
      SET LOCAL extra_float_digits = 1
      """)
    let result: Result<Value, BackupFailure>
    do throws(BackupFailure) {
      let names = try await rows(
        connection,
        """
        SELECT c.relname::text AS name FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
          AND NOT EXISTS (SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
        ORDER BY c.relname
        """, as: String.self, "name")
      var tables: [TableDigest] = []
      for name in names { tables.append(try await digest(of: name, connection)) }
      let migrations = try await rows(
        connection, "SELECT name FROM schema_migrations ORDER BY name", as: String.self, "name")
      result = .success(try await body((tables: tables, migrations: migrations)))
    } catch {
      result = .failure(error)
    }
    try await execute(connection, "ROLLBACK")
    return try result.get()
  }

  private static func digest(of table: String, _ connection: PostgresConnection) async throws(BackupFailure)
    -> TableDigest
  {
    let quoted = "\"" + table.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    do {
      let row = try await connection.first(
        """
        SELECT count(*) AS row_count,
          encode(sha256(coalesce(string_agg(row_hash, ''::bytea ORDER BY row_hash), ''::bytea)), 'hex') AS digest
        FROM (
          SELECT sha256(convert_to(whole_row::text, 'UTF8')) AS row_hash FROM public.\(raw: quoted) AS whole_row
        ) AS hashes
        """)
      guard let row else { throw BackupFailure.unavailable("the database gave no digest of \(table)") }
      return TableDigest(name: table, rows: try row.value("row_count"), sha256: try row.value("digest"))
    } catch {
      throw failure(error)
    }
  }

  private static func connected<Value: Sendable>(
    _ url: String,
    _ body: (PostgresConnection, ConnectionParameters) async throws(BackupFailure) -> Value
  ) async throws(BackupFailure) -> Value {
    let configuration: PostgresConfiguration
    do { configuration = try PostgresConfiguration(url: url) } catch { throw .unavailable(error.description) }
    let connection: PostgresConnection
    do { connection = try await PostgresConnection.connect(configuration) } catch { throw failure(error) }
    let result: Result<Value, BackupFailure>
    do throws(BackupFailure) { result = .success(try await body(connection, configuration.parameters)) } catch {
      result = .failure(error)
    }
    await connection.close()
    return try result.get()
  }

  private static func first<Value: PostgresDecodable>(
    _ connection: PostgresConnection, _ sql: SQL, as: Value.Type, _ column: String
  ) async throws(BackupFailure) -> Value {
    guard let value = try await rows(connection, sql, as: Value.self, column).first else {
      throw .unavailable("the database gave no answer")
    }
    return value
  }

  private static func rows<Value: PostgresDecodable>(
    _ connection: PostgresConnection, _ sql: SQL, as: Value.Type, _ column: String
  ) async throws(BackupFailure) -> [Value] {
    do { return try await connection.rows(sql).map { try $0.value(column, as: Value.self) } } catch {
      throw failure(error)
    }
  }

  private static func execute(_ connection: PostgresConnection, _ script: String) async throws(BackupFailure) {
    do { try await connection.script(script) } catch { throw failure(error) }
  }

  /// The failure for the operator, who may see what the server said.
  private static func failure(_ error: any Error) -> BackupFailure {
    switch error {
    case let failure as BackupFailure: failure
    case let error as PostgresError where error.sqlState == "42P01" || error.sqlState == "42704":
      .unavailable("there is nothing of OpenTier in this database: run opentier migrate up, or check the URL")
    case let error as PostgresError: .unavailable("the database refused: \(error.message)")
    default: .unavailable(StorageFailure(error).operatorWords)
    }
  }
}

extension StorageFailure {
  fileprivate var operatorWords: String {
    switch self {
    case .unavailable(let why), .full(let why), .corrupt(let why): why
    case .cancelled: "cancelled"
    case .notFound: "not found"
    case .conflict(let what): "\(what) is taken"
    }
  }
}
