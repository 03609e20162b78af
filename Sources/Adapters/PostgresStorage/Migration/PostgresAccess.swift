extension PostgresMigrator {
  /// Makes a database ready for an application: brings the schema up to date, and lets the login of the application's
  /// URL act as the role that its transactions run as, where it may not yet.
  ///
  /// - Parameter applicationURL: may be the migrator's own.
  /// - Returns: the migrations that were applied.
  @discardableResult
  package func prepare(for applicationURL: String) async throws(PostgresStartFailure) -> [String] {
    let names = try await up()
    let facts = try await Self.facts(at: applicationURL, diagnostics)
    if !facts.hasAccess {
      try await grantAccess(to: facts.login)
      try await Self.checkAccess(url: applicationURL, diagnostics: diagnostics)
    }
    return names
  }

  /// Lets a login act as the role that the application's transactions run as; nothing is done where it may already.
  ///
  /// - Throws: `.missingRights` with the statement that a superuser has to run, when the migrator's login may not grant
  ///   it; `.unknownLogin`.
  package func grantAccess(to login: String) async throws(PostgresStartFailure) {
    try await connected { connection in
      let version = await connection.serverVersion
      let role = PostgresDatabase.applicationRole
      let right: SQL = version >= 160_000 ? "'SET'" : "'MEMBER'"
      let row = try await connection.first(
        """
        SELECT pg_has_role(l.oid, r.oid, \(right)) AS is_open, current_database()::text AS database
        FROM pg_roles AS l, pg_roles AS r WHERE l.rolname = \(login) AND r.rolname = \(role)
        """)
      guard let row else { throw PostgresStartFailure.unknownLogin(login) }
      guard try row.value("is_open") == false else { return }
      let statement = ServerFacts.grant(role, to: login, serverVersion: version)
      do {
        try await transaction(connection) { connection in try await connection.script(statement) }
      } catch let error as PostgresError where error.sqlState == "42501" {
        throw PostgresStartFailure.missingRights(
          login: login, database: try row.value("database"), statements: [statement])
      }
    }
  }

  /// Looks whether an application may start with this URL: the server will do, and the login may act as the role that
  /// its transactions run as.
  package static func checkAccess(
    url: String, diagnostics: @escaping PostgresDiagnostics = { _ in }
  ) async throws(PostgresStartFailure) {
    let facts = try await facts(at: url, diagnostics)
    try facts.checkServer()
    try facts.checkAccess()
  }

  private static func facts(
    at url: String, _ diagnostics: @escaping PostgresDiagnostics
  ) async throws(PostgresStartFailure) -> ServerFacts {
    let configuration: PostgresConfiguration
    do { configuration = try PostgresConfiguration(url: url) } catch { throw .configuration(error.description) }
    return try await connected(configuration, diagnostics) { try await ServerFacts.read(from: $0) }
  }
}
