/// How many connections the server gives, beside which the size of a pool can be judged.
package struct ConnectionFacts: Hashable, Sendable {
  /// The server's `max_connections`, without those kept for superusers.
  package let server: Int
  /// What of it the login and the database may have at most; `nil` for no limit of their own.
  package let ownLimit: Int?
  /// How many clients are connected now, without the one that looks.
  package let inUse: Int
  /// Whether a pooler stands between, whose own limits are the ones that count.
  package let isThroughPooler: Bool

  package init(server: Int, ownLimit: Int?, inUse: Int, isThroughPooler: Bool) {
    self.server = server
    self.ownLimit = ownLimit
    self.inUse = inUse
    self.isThroughPooler = isThroughPooler
  }

  static func read(from connection: PostgresConnection) async throws -> ConnectionFacts {
    let row = try await connection.first(
      """
      SELECT current_setting('max_connections')::int
          - current_setting('superuser_reserved_connections')::int
          - coalesce(current_setting('reserved_connections', true)::int, 0) AS server,
        least(nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1)) AS own_limit,
        (SELECT count(*) FROM pg_stat_activity AS a
          WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()) AS in_use
      FROM pg_roles AS r, pg_database AS d
      WHERE r.rolname = current_user AND d.datname = current_database()
      """)
    guard let row else { throw UnreadableValue(column: "connections") }
    return ConnectionFacts(
      server: try row.value("server"), ownLimit: try row.optional("own_limit"), inUse: try row.value("in_use"),
      isThroughPooler: await connection.isThroughPooler)
  }

  /// Whether processes with such a pool fit.
  package func finding(for pool: PostgresConfiguration) -> PostgresExamination.Finding {
    let name = "database pool"
    // The listener for new jobs has a connection beside the pool.
    let each = pool.maximumConnections + 1
    let limit = min(server, ownLimit ?? server)
    let size = "\(pool.minimumConnections) to \(pool.maximumConnections) connections and a listener in each process"
    if isThroughPooler {
      return PostgresExamination.Finding(
        name: name, isWell: true,
        detail: "\(size), through a pooler, whose own limits count (the server has \(server) connections)")
    }
    let source = limit < server ? "the login and the database may have \(limit)" : "the server has \(limit)"
    guard each <= limit else {
      return PostgresExamination.Finding(
        name: name, isWell: false,
        detail: """
          \(size), but \(source): lower database.maximumConnections to \(max(limit - 1, 1)) or less, or raise \
          \(limit < server ? "the limit (ALTER ROLE or ALTER DATABASE … CONNECTION LIMIT)" : "max_connections")
          """)
    }
    let processes = limit / each
    return PostgresExamination.Finding(
      name: name, isWell: true,
      detail: """
        \(size); \(source), \(inUse) in use on the server now: enough for \(processes) \
        \(processes == 1 ? "process" : "processes") with full pools
        """)
  }
}
