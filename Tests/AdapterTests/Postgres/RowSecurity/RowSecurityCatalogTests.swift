import PostgresStorage
import PostgresTesting
import Testing

@Suite("PostgreSQL: row-level security, by the server's catalog", .needsPostgres)
struct RowSecurityCatalogTests {
  /// Tables that belong to no tenant, which the application's role may not even read: the record of migrations, and which
  /// model's vectors serve.
  private static let tablesOfNobody: Set<String> = ["schema_migrations", "serving_embedding_model"]

  /// Runs `sql` on a migrated database; each row of what it finds is a mistake.
  private static func expectNone(_ sql: String) async throws {
    try await withMigratedDatabase { url in
      let rows = try await PostgresTestServer.execute(sql, at: url)
      #expect(rows.isEmpty)
    }
  }

  @Test("every table has a tenant, but for those that are known to belong to nobody")
  func tenants() async throws {
    try await withMigratedDatabase { url in
      let rows = try await PostgresTestServer.execute(
        """
        SELECT relname FROM pg_class AS c
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'f') AND relname <> 'organizations'
          AND NOT EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'organization_id' AND attnotnull)
        """, at: url)
      #expect(Set(rows.compactMap { $0[0] }) == Self.tablesOfNobody)
    }
  }

  @Test("row-level security is enabled and forced on every table with a tenant")
  func forced() async throws {
    try await withMigratedDatabase { url in
      let tables = try await TenantTable.all(at: url)
      #expect(tables.count >= 22)
      for table in tables {
        let rows = try await PostgresTestServer.execute(
          "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = '\(table.name)'::regclass", at: url)
        #expect(rows == [["t", "t"]], "\(table.name)")
      }
    }
  }

  @Test("each such table has the tenants' policy and the system's, and no other")
  func policies() async throws {
    try await withMigratedDatabase { url in
      for table in try await TenantTable.all(at: url) {
        let rows = try await PostgresTestServer.execute(
          """
          SELECT policyname, permissive, roles, cmd, qual, with_check FROM pg_policies
          WHERE schemaname = 'public' AND tablename = '\(table.name)' ORDER BY policyname
          """, at: url)
        let own = "(\(table.tenantColumn) = current_organization())"
        #expect(
          rows == [
            ["system", "PERMISSIVE", "{opentier_system}", "ALL", "true", "true"],
            ["tenant", "PERMISSIVE", "{opentier_app}", "ALL", own, own],
          ], "\(table.name)")
      }
    }
  }

  @Test("the two roles can neither log in nor get round row-level security, and have no other role's rights")
  func roles() async throws {
    try await withMigratedDatabase { url in
      let rows = try await PostgresTestServer.execute(
        """
        SELECT rolname, rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb, rolreplication
        FROM pg_roles WHERE rolname IN ('opentier_app', 'opentier_system') ORDER BY rolname
        """, at: url)
      #expect(rows == ["opentier_app", "opentier_system"].map { [$0] + Array(repeating: "f", count: 6) })
      let memberships = try await PostgresTestServer.execute(
        """
        SELECT member::regrole, roleid::regrole FROM pg_auth_members
        WHERE member IN ('opentier_app'::regrole, 'opentier_system'::regrole)
        """, at: url)
      #expect(memberships.isEmpty)
    }
  }

  @Test("the application's role owns nothing, the system's role nothing but functions")
  func ownership() async throws {
    try await Self.expectNone(
      """
      SELECT 'relation ' || relname FROM pg_class
        WHERE relowner IN ('opentier_app'::regrole, 'opentier_system'::regrole)
      UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE proowner = 'opentier_app'::regrole
      UNION ALL SELECT 'type ' || typname FROM pg_type
        WHERE typowner IN ('opentier_app'::regrole, 'opentier_system'::regrole)
      UNION ALL SELECT 'schema ' || nspname FROM pg_namespace
        WHERE nspowner IN ('opentier_app'::regrole, 'opentier_system'::regrole)
      """)
  }

  @Test("neither role may make anything in the schema, and nobody else may without being its owner")
  func creation() async throws {
    try await Self.expectNone(
      """
      SELECT role FROM unnest(ARRAY['public', 'opentier_app', 'opentier_system']) AS role
      WHERE has_schema_privilege(role, 'public', 'CREATE')
      """)
  }

  @Test("the application's role has rights on no table without row-level security, and none to truncate or to refer")
  func privileges() async throws {
    try await Self.expectNone(
      """
      SELECT relname FROM pg_class AS c
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'f')
        AND (NOT relforcerowsecurity AND has_table_privilege('opentier_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE')
          OR has_table_privilege('opentier_app', c.oid, 'TRUNCATE, REFERENCES, TRIGGER')
          OR has_table_privilege('public', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER'))
      """)
  }

  @Test("no view or materialised view shows rows with its owner's rights")
  func views() async throws {
    try await Self.expectNone(
      """
      SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND (relkind = 'm' OR relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (reloptions), false))
      """)
  }

  @Test("what was done stays done: the application's role may add to the audit log and not change it")
  func auditLog() async throws {
    try await withMigratedDatabase { url in
      let rows = try await PostgresTestServer.execute(
        """
        SELECT has_table_privilege('opentier_app', 'audit_log', 'SELECT, INSERT'),
          has_table_privilege('opentier_app', 'audit_log', 'UPDATE, DELETE'),
          has_table_privilege('opentier_app', 'organizations', 'INSERT, DELETE')
        """, at: url)
      #expect(rows == [["t", "f", "f"]])
    }
  }

  @Test("a function with its owner's rights is the system role's, with a fixed path, for the application alone")
  func definers() async throws {
    try await withMigratedDatabase { url in
      let functions = try await PostgresTestServer.execute(
        """
        SELECT oid::regprocedure, proowner::regrole,
          array_to_string(ARRAY(SELECT s FROM unnest(proconfig) AS s WHERE s LIKE 'search_path=%'), '|'),
          has_function_privilege('public', oid, 'EXECUTE'), has_function_privilege('opentier_app', oid, 'EXECUTE')
        FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace
        """, at: url)
      #expect(functions.count >= 4)
      for function in functions {
        #expect(
          Array(function.dropFirst())
            == ["opentier_system", "search_path=pg_catalog, public, pg_temp", "f", "t"], "\(function[0] ?? "")")
      }
    }
  }

  @Test("only the owner may call the procedures that protect tables and functions")
  func procedures() async throws {
    try await Self.expectNone(
      """
      SELECT oid::regprocedure FROM pg_proc
      WHERE pronamespace = 'public'::regnamespace AND prokind = 'p'
        AND (has_function_privilege('public', oid, 'EXECUTE')
          OR has_function_privilege('opentier_app', oid, 'EXECUTE'))
      """)
  }

  @Test("a foreign key from one tenant's table to another's names the tenant, or hangs on one that does")
  func foreignKeys() async throws {
    try await withMigratedDatabase { url in
      for table in try await TenantTable.all(at: url) {
        for key in table.foreignKeys where key.parent != table.name {
          #expect(key.columns.contains("organization_id"), "\(table.name) → \(key.parent)")
        }
      }
    }
  }
}
