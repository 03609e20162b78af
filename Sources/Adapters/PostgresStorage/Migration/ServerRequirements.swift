extension ServerFacts {
  /// Refuses a server that the platform cannot run on, whoever logs in.
  package func checkServer() throws(PostgresStartFailure) {
    guard serverVersion >= PostgresStartFailure.minimumServer else { throw .serverTooOld(serverVersion) }
    try checkEncoding()
    try checkVector()
    try checkRoles()
  }

  /// Refuses a database that cannot store every text.
  func checkEncoding() throws(PostgresStartFailure) {
    guard encoding == "UTF8" else { throw .encoding(encoding, database: database) }
  }

  /// Refuses a database without pgvector, or with one that is too old or elsewhere.
  func checkVector() throws(PostgresStartFailure) {
    guard let version = vectorVersion ?? availableVector else { throw .vectorMissing(serverVersion: serverVersion) }
    guard Self.isRecentVector(version) else {
      let canUpdate = vectorVersion != nil && (availableVector.map(Self.isRecentVector) ?? false)
      throw .vectorTooOld(version, canUpdate: canUpdate, serverVersion: serverVersion)
    }
    if let vectorSchema, vectorSchema != "public" { throw .vectorElsewhere(vectorSchema) }
  }

  /// Refuses roles that row-level security does not hold for.
  func checkRoles() throws(PostgresStartFailure) {
    if let role = roles.first(where: \.bypassesRowSecurity) { throw .roleBypassesRowSecurity(role.name) }
  }

  /// Refuses a login that may not change the schema, and says all that is missing at once.
  package func checkRights() throws(PostgresStartFailure) {
    guard !isReadOnly else { throw .readOnly }
    var statements: [String] = []
    if vectorVersion == nil, !isSuperuser, !(isVectorTrusted && mayCreateInDatabase) {
      statements.append("CREATE EXTENSION vector")
    }
    if !hasSchema {
      statements.append("CREATE SCHEMA public AUTHORIZATION \(login.quotedIdentifier)")
    } else if !ownsSchema {
      let owned = schemaFollowsDatabase ? "DATABASE \(database.quotedIdentifier)" : "SCHEMA public"
      statements.append("ALTER \(owned) OWNER TO \(login.quotedIdentifier)")
    }
    let missing = Self.roleNames.filter { name in !roles.contains { $0.name == name } }
    if !mayCreateRoles { statements += missing.map { "CREATE ROLE \($0) NOLOGIN" } }
    let closed = roles.filter { !$0.isOpenToLogin && !$0.isGrantable }.map(\.name)
    for name in closed + (mayCreateRoles ? [] : missing) {
      statements.append(Self.grant(name, to: login, serverVersion: serverVersion))
    }
    guard statements.isEmpty else { throw .missingRights(login: login, database: database, statements: statements) }
  }

  /// Whether the login may act as the role that the application's transactions run as.
  package var hasAccess: Bool {
    roles.contains { $0.name == PostgresDatabase.applicationRole && $0.isOpenToLogin }
  }

  /// Refuses an application's login that may not.
  package func checkAccess() throws(PostgresStartFailure) {
    guard !hasAccess else { return }
    let statement = Self.grant(PostgresDatabase.applicationRole, to: login, serverVersion: serverVersion)
    throw .missingRights(login: login, database: database, statements: [statement])
  }

  /// The statement that lets a login act as a role, where the server can say so without handing on the role's rights.
  static func grant(_ role: String, to login: String, serverVersion: Int) -> String {
    "GRANT \(role) TO \(login.quotedIdentifier)" + (serverVersion >= 160_000 ? " WITH INHERIT FALSE, SET TRUE" : "")
  }

  /// Whether a version of pgvector is 0.7 or later; one that cannot be read is taken for later.
  private static func isRecentVector(_ version: String) -> Bool {
    let numbers = version.split(separator: ".").prefix(2).map { Int($0) }
    guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return true }
    return (major, minor) >= (0, 7)
  }
}

extension String {
  /// The name as SQL writes it, whatever it contains.
  var quotedIdentifier: String {
    "\"" + split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}
