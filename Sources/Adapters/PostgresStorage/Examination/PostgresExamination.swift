import SchemaMigrations

/// What an operator wants to know of a database before a server runs on it; nothing is changed by looking.
package struct PostgresExamination: Sendable {
  /// One thing looked at.
  package struct Finding: Hashable, Sendable {
    /// What was looked at, such as `pgvector`.
    package let name: String
    /// Whether the platform can run with it as it is.
    package let isWell: Bool
    /// What is there; where something is wrong, what to do.
    package let detail: String
  }

  /// Looks at a database as the server would use it.
  ///
  /// - Parameters:
  ///   - application: the configuration of the application's pool, with its URL.
  ///   - migrationURL: of the login that owns the schema; may be the same.
  /// - Returns: the findings, in the order in which one would mend them; without a connection only that one.
  package static func findings(
    application: PostgresConfiguration, migrationURL: String
  ) async -> [Finding] {
    let server = "database server"
    let seen: (facts: ServerFacts, rowSecurity: RowSecurityFacts, connections: ConnectionFacts)
    do throws(PostgresStartFailure) {
      seen = try await PostgresMigrator.connected(application, { _ in }) { connection in
        (
          try await ServerFacts.read(from: connection), try await RowSecurityFacts.read(from: connection),
          try await ConnectionFacts.read(from: connection)
        )
      }
    } catch {
      return [Finding(name: server, isWell: false, detail: error.description)]
    }
    let facts = seen.facts
    return [
      finding(server, facts.version + ", database \(facts.database), login \(facts.login)") {
        () throws(PostgresStartFailure) in try facts.checkEncoding()
      },
      finding("pgvector", vector(facts)) { () throws(PostgresStartFailure) in try facts.checkVector() },
      finding("database roles", roles(facts)) { () throws(PostgresStartFailure) in
        try facts.checkRoles()
        try facts.checkAccess()
      },
      seen.rowSecurity.finding,
      await schema(migrationURL),
      seen.connections.finding(for: application),
    ]
  }

  private static func finding(
    _ name: String, _ detail: String, _ check: () throws(PostgresStartFailure) -> Void
  ) -> Finding {
    do throws(PostgresStartFailure) {
      try check()
      return Finding(name: name, isWell: true, detail: detail)
    } catch {
      return Finding(name: name, isWell: false, detail: error.description)
    }
  }

  private static func vector(_ facts: ServerFacts) -> String {
    if let version = facts.vectorVersion { return version }
    return "\(facts.availableVector ?? "none") on the server, installed by the first migration"
  }

  private static func roles(_ facts: ServerFacts) -> String {
    let login = facts.isSuperuser ? "a superuser; a login of its own would be better" : "no superuser"
    return "transactions run as \(PostgresDatabase.applicationRole), which row-level security holds for; the login is "
      + login
  }

  private static func schema(_ url: String) async -> Finding {
    let name = "database schema"
    do throws(PostgresStartFailure) {
      let status = try await PostgresMigrator(url: url).status()
      let missing = status.filter { $0.appliedAt == nil }.map(\.name)
      let applied = "\(status.count - missing.count) of \(status.count) migrations applied"
      guard !missing.isEmpty else { return Finding(name: name, isWell: true, detail: applied) }
      return Finding(
        name: name, isWell: false,
        detail: "\(applied): run opentier migrate up, or start the server, for \(missing.joined(separator: ", "))")
    } catch {
      return Finding(name: name, isWell: false, detail: error.description)
    }
  }
}

extension ServerFacts {
  /// The server's version as people write it, such as 16.14.
  fileprivate var version: String { "PostgreSQL \(serverVersion / 10_000).\(serverVersion % 10_000)" }
}
