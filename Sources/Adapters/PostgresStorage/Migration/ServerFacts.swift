/// What of a server, a database and a login decides whether the platform can run there.
package struct ServerFacts: Hashable, Sendable {
  /// One of the roles that the migrations make, as it is.
  package struct Role: Hashable, Sendable {
    /// Its name.
    package let name: String
    /// Whether it is a superuser or has `BYPASSRLS`, so that row-level security would not hold for it.
    package let bypassesRowSecurity: Bool
    /// Whether the login may act as it.
    package let isOpenToLogin: Bool
    /// Whether the login may let others, or itself, act as it.
    package let isGrantable: Bool

    package init(name: String, bypassesRowSecurity: Bool, isOpenToLogin: Bool, isGrantable: Bool) {
      self.name = name
      self.bypassesRowSecurity = bypassesRowSecurity
      self.isOpenToLogin = isOpenToLogin
      self.isGrantable = isGrantable
    }
  }

  /// The roles that the migrations make, by name: the transactions' and that of the system functions.
  package static let roleNames = [PostgresDatabase.applicationRole, "opentier_system"]

  /// Such as 160014.
  package var serverVersion: Int
  /// Such as `UTF8`.
  package var encoding: String
  /// Whether nothing can be written: a standby.
  package var isReadOnly = false
  /// The database.
  package var database: String
  /// Who is logged in.
  package var login: String
  /// Whether that is a superuser.
  package var isSuperuser = false
  /// Whether it may make roles.
  package var mayCreateRoles = false
  /// Whether it may make schemas and trusted extensions in the database.
  package var mayCreateInDatabase = false
  /// Whether there is a schema `public`.
  package var hasSchema = true
  /// Whether it has the rights of the owner of that schema.
  package var ownsSchema = false
  /// Whether the schema belongs to whoever owns the database.
  package var schemaFollowsDatabase = true
  /// The version of pgvector that the database has.
  package var vectorVersion: String?
  /// The schema that it is in.
  package var vectorSchema: String?
  /// The version that the server could install.
  package var availableVector: String?
  /// Whether that may be installed without being a superuser.
  package var isVectorTrusted = false
  /// Those of the roles that are there.
  package var roles: [Role] = []

  package init(serverVersion: Int, encoding: String = "UTF8", database: String, login: String) {
    self.serverVersion = serverVersion
    self.encoding = encoding
    self.database = database
    self.login = login
  }
}

extension ServerFacts {
  /// Reads them in two queries.
  ///
  /// - Throws: as the connection does; `PostgresStartFailure.serverTooOld` before anything is asked that an older server
  ///   does not know.
  static func read(from connection: PostgresConnection) async throws -> ServerFacts {
    let version = await connection.serverVersion
    guard version >= PostgresStartFailure.minimumServer else { throw PostgresStartFailure.serverTooOld(version) }
    guard let row = try await connection.first(query) else { throw UnreadableValue(column: "facts") }
    var facts = ServerFacts(
      serverVersion: version, encoding: try row.value("encoding"), database: try row.value("database"),
      login: try row.value("login"))
    facts.isReadOnly = try row.value("is_read_only")
    facts.isSuperuser = try row.value("is_superuser")
    facts.mayCreateRoles = try row.value("may_create_roles")
    facts.mayCreateInDatabase = try row.value("may_create_in_database")
    facts.hasSchema = try row.value("has_schema")
    facts.ownsSchema = try row.optional("owns_schema") ?? false
    facts.schemaFollowsDatabase = try row.optional("schema_follows_database") ?? true
    facts.vectorVersion = try row.optional("vector_version")
    facts.vectorSchema = try row.optional("vector_schema")
    facts.availableVector = try row.optional("available_vector")
    facts.isVectorTrusted = try row.optional("is_vector_trusted") ?? false
    facts.roles = try await connection.rows(Self.roles(version)).map { row in
      Role(
        name: try row.value("name"), bypassesRowSecurity: try row.value("bypasses"),
        isOpenToLogin: try row.value("is_open"), isGrantable: try row.value("is_grantable"))
    }
    return facts
  }

  private static let query: SQL = """
    SELECT pg_encoding_to_char(d.encoding)::text AS encoding, d.datname::text AS database, r.rolname::text AS login,
      current_setting('transaction_read_only') = 'on' AS is_read_only,
      r.rolsuper AS is_superuser, r.rolsuper OR r.rolcreaterole AS may_create_roles,
      has_database_privilege(d.oid, 'CREATE') AS may_create_in_database,
      n.oid IS NOT NULL AS has_schema, pg_has_role(r.oid, n.nspowner, 'USAGE') AS owns_schema,
      n.nspowner = 'pg_database_owner'::regrole AS schema_follows_database,
      e.extversion AS vector_version, e.extnamespace::regnamespace::text AS vector_schema,
      a.version AS available_vector, a.trusted AS is_vector_trusted
    FROM pg_database AS d
    JOIN pg_roles AS r ON r.rolname = current_user
    LEFT JOIN pg_namespace AS n ON n.nspname = 'public'
    LEFT JOIN pg_extension AS e ON e.extname = 'vector'
    LEFT JOIN (
      SELECT v.version::text, v.trusted
      FROM pg_available_extensions AS x
      JOIN pg_available_extension_versions AS v ON v.name = x.name AND v.version = x.default_version
      WHERE x.name = 'vector'
    ) AS a ON true
    WHERE d.datname = current_database()
    """

  /// Whether one may act as a role has a name of its own since PostgreSQL 16; there only who has the admin option may
  /// pass a role on, before it everybody with `CREATEROLE`.
  private static func roles(_ version: Int) -> SQL {
    let (acting, granting): (SQL, SQL) =
      version >= 160_000
      ? ("'SET'", "pg_has_role(l.oid, r.oid, 'MEMBER WITH ADMIN OPTION')")
      : ("'MEMBER'", "l.rolcreaterole OR pg_has_role(l.oid, r.oid, 'MEMBER WITH ADMIN OPTION')")
    return """
      SELECT r.rolname::text AS name, r.rolsuper OR r.rolbypassrls AS bypasses,
        pg_has_role(l.oid, r.oid, \(acting)) AS is_open, l.rolsuper OR \(granting) AS is_grantable
      FROM pg_roles AS r JOIN pg_roles AS l ON l.rolname = current_user
      WHERE r.rolname = ANY(\(roleNames))
      ORDER BY r.rolname
      """
  }
}
