/// Whether row-level security separates the tenants in the tables that are there.
struct RowSecurityFacts: Sendable {
  /// How many tables belong to a tenant.
  let tables: Int
  /// Those among them on which it is not both enabled and forced, or that have no policy.
  let open: [String]

  /// Looks into the server's catalog; a table belongs to a tenant when it is that of the tenants or names one.
  static func read(from connection: PostgresConnection) async throws -> RowSecurityFacts {
    let rows = try await connection.rows(
      """
      SELECT c.relname::text AS name, c.relrowsecurity AND c.relforcerowsecurity
        AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid) AS is_closed
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND (c.relname = 'organizations'
        OR EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'organization_id' AND NOT attisdropped))
      ORDER BY c.relname
      """)
    let open = try rows.filter { try !$0.value("is_closed", as: Bool.self) }
    return RowSecurityFacts(tables: rows.count, open: try open.map { try $0.value("name") })
  }

  var finding: PostgresExamination.Finding {
    let isWell = open.isEmpty
    let detail =
      if !isWell {
        "not enabled and forced on \(open.joined(separator: ", ")), so tenants can see each other's rows there: "
          + "restore a backup, or enable it as the migrations do (CALL protect_tenant_table)"
      } else if tables == 0 {
        "there are no tables yet"
      } else {
        "enabled and forced on all \(tables) tables of tenants"
      }
    return PostgresExamination.Finding(name: "row security", isWell: isWell, detail: detail)
  }
}
