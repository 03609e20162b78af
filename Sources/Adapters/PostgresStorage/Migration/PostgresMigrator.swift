package import FoundationEssentials
package import SchemaMigrations

/// Brings the schema of a PostgreSQL database up to date, or takes steps back.
///
/// Each migration runs in a transaction of its own under an advisory lock that the transaction holds, and is recorded in
/// the same transaction. So any number of processes that start at once apply each once, also through a pooler that gives
/// out a server connection for a transaction.
package struct PostgresMigrator: Sendable {
  let configuration: PostgresConfiguration
  let diagnostics: PostgresDiagnostics
  private let migrations: [Migration]

  /// A migrator with the migrations that the binary carries.
  ///
  /// - Parameter url: of a login that owns the database.
  /// - Throws: `.configuration` for a URL that cannot be read; `.migration(.malformed)` when the binary carries none.
  package init(url: String, diagnostics: @escaping PostgresDiagnostics = { _ in }) throws(PostgresStartFailure) {
    let migrations: [Migration]
    do { migrations = try Migration.embedded(in: "migrations/postgres") } catch { throw .migration(error) }
    try self.init(url: url, migrations: migrations, diagnostics: diagnostics)
  }

  /// A migrator with other files, each by its path.
  package init(
    url: String, files: [(path: String, data: Data)], diagnostics: @escaping PostgresDiagnostics = { _ in }
  ) throws(PostgresStartFailure) {
    let migrations: [Migration]
    do { migrations = try Migration.read(files) } catch { throw .migration(error) }
    try self.init(url: url, migrations: migrations, diagnostics: diagnostics)
  }

  private init(
    url: String, migrations: [Migration], diagnostics: @escaping PostgresDiagnostics
  ) throws(PostgresStartFailure) {
    do { configuration = try PostgresConfiguration(url: url) } catch { throw .configuration(error.description) }
    self.migrations = migrations
    self.diagnostics = diagnostics
  }

  /// Applies what was not applied yet, and answers with the names. A server that the platform cannot run on is refused
  /// before anything is changed.
  @discardableResult
  package func up() async throws(PostgresStartFailure) -> [String] {
    try await connected { connection in
      let facts = try await ServerFacts.read(from: connection)
      try facts.checkServer()
      guard try await history(connection).next != nil else { return [] }
      try facts.checkRights()
      var names: [String] = []
      while let name = try await step(connection, applyNext) { names.append(name) }
      return names
    }
  }

  /// Takes back the last `steps` migrations, the latest first, and answers with the names.
  @discardableResult
  package func down(steps: Int) async throws(PostgresStartFailure) -> [String] {
    try await connected { connection in
      let facts = try await ServerFacts.read(from: connection)
      try facts.checkServer()
      try facts.checkRights()
      var names: [String] = []
      while names.count < steps, let name = try await step(connection, revertLast) { names.append(name) }
      return names
    }
  }

  /// All migrations, the earliest first, and whether they were applied; nothing is changed.
  package func status() async throws(PostgresStartFailure) -> [MigrationStatus] {
    try await connected { connection in try await history(connection).status }
  }

  /// Runs `body` with a connection, and says what its failures mean for the start.
  func connected<Value: Sendable>(
    _ body: (PostgresConnection) async throws -> Value
  ) async throws(PostgresStartFailure) -> Value {
    try await Self.connected(configuration, diagnostics, body)
  }

  static func connected<Value: Sendable>(
    _ configuration: PostgresConfiguration, _ diagnostics: @escaping PostgresDiagnostics,
    _ body: (PostgresConnection) async throws -> Value
  ) async throws(PostgresStartFailure) -> Value {
    do {
      let connection = try await PostgresConnection.connect(configuration, diagnostics: diagnostics)
      let result: Result<Value, any Error>
      do { result = .success(try await body(connection)) } catch { result = .failure(error) }
      await connection.close()
      return try result.get()
    } catch {
      throw PostgresStartFailure(error, target: ConnectionTarget(configuration.parameters))
    }
  }

  private func applyNext(_ connection: PostgresConnection) async throws -> String? {
    guard let next = try await history(connection).next else { return nil }
    try await run(next.up, of: next, on: connection)
    try await connection.execute(
      "INSERT INTO public.schema_migrations (name, checksum) VALUES (\(next.name), \(next.checksum))")
    return next.name
  }

  private func revertLast(_ connection: PostgresConnection) async throws -> String? {
    guard let last = try await history(connection).last else { return nil }
    try await run(last.down, of: last, on: connection)
    try await connection.execute("DELETE FROM public.schema_migrations WHERE name = \(last.name)")
    return last.name
  }

  private func run(_ sql: String, of migration: Migration, on connection: PostgresConnection) async throws {
    do {
      try await connection.script(sql)
    } catch let error as PostgresError where !error.hasOwnStartFailure && !error.isCollision {
      throw MigrationFailure.failed(migration.name, reason: "\(error.message) (SQLSTATE \(error.sqlState))")
    }
  }

  /// Sets the files beside what was applied.
  private func history(_ connection: PostgresConnection) async throws -> MigrationHistory {
    guard try await hasTable(connection) else { return try MigrationHistory(of: migrations, applied: []) }
    let applied = try await connection.rows("SELECT name, checksum, applied_at FROM public.schema_migrations")
    return try MigrationHistory(
      of: migrations,
      applied: applied.map { row in
        AppliedMigration(
          name: try row.value("name"), checksum: try row.value("checksum"), time: try row.time("applied_at"))
      })
  }
}
