import PostgresStorage
import Testing

@Suite("PostgreSQL: what a server and a login must have")
struct ServerRequirementsTests {
  /// A server where nothing is missing, before the first migration.
  private static var fine: ServerFacts {
    var facts = ServerFacts(serverVersion: 160_014, database: "wiki", login: "owner")
    facts.vectorVersion = "0.8.5"
    facts.vectorSchema = "public"
    facts.availableVector = "0.8.5"
    facts.mayCreateRoles = true
    facts.ownsSchema = true
    return facts
  }

  private static func changed(_ change: (inout ServerFacts) -> Void) -> ServerFacts {
    var facts = fine
    change(&facts)
    return facts
  }

  private static func roles(isOpen: Bool, isGrantable: Bool = false) -> [ServerFacts.Role] {
    ServerFacts.roleNames.map {
      ServerFacts.Role(name: $0, bypassesRowSecurity: false, isOpenToLogin: isOpen, isGrantable: isGrantable)
    }
  }

  @Test("a server with all that is needed is accepted")
  func accepted() throws {
    try Self.fine.checkServer()
    try Self.fine.checkRights()
    for version in ["0.7", "0.7.0", "0.10.1", "1.0.0", "2"] {
      try Self.changed { $0.vectorVersion = version }.checkServer()
    }
    try Self.changed { facts in
      facts.vectorVersion = nil
      facts.vectorSchema = nil
    }.checkServer()
  }

  @Test("PostgreSQL 14 is refused, naming both versions")
  func oldServer() {
    let facts = Self.changed { $0.serverVersion = 140_011 }
    #expect(throws: PostgresStartFailure.serverTooOld(140_011)) { try facts.checkServer() }
    let text = "\(PostgresStartFailure.serverTooOld(140_011))"
    #expect(text.contains("PostgreSQL 14") && text.contains("15 or later"))
  }

  @Test("another encoding is refused with the statement that makes a database in UTF-8")
  func encoding() {
    let facts = Self.changed { $0.encoding = "LATIN1" }
    #expect(throws: PostgresStartFailure.encoding("LATIN1", database: "wiki")) { try facts.checkServer() }
    #expect("\(PostgresStartFailure.encoding("LATIN1", database: "wiki"))".contains("ENCODING 'UTF8'"))
  }

  @Test("a server without pgvector is refused with the package to install")
  func noVector() {
    let facts = Self.changed { facts in
      facts.vectorVersion = nil
      facts.availableVector = nil
    }
    #expect(throws: PostgresStartFailure.vectorMissing(serverVersion: 160_014)) { try facts.checkServer() }
    let text = "\(PostgresStartFailure.vectorMissing(serverVersion: 160_014))"
    #expect(text.contains("postgresql-16-pgvector") && text.contains("pgvector_16"))
  }

  @Test(
    "pgvector before 0.7 is refused, and what to do depends on whether the server has a newer one",
    arguments: [("0.6.2", "0.8.5", true), ("0.5.1", "0.6.2", false), ("0.6.2", nil, false)])
  func oldVector(_ installed: String, available: String?, canUpdate: Bool) {
    let facts = Self.changed { facts in
      facts.vectorVersion = installed
      facts.availableVector = available
    }
    let failure = PostgresStartFailure.vectorTooOld(installed, canUpdate: canUpdate, serverVersion: 160_014)
    #expect(throws: failure) { try facts.checkServer() }
    #expect("\(failure)".contains("ALTER EXTENSION vector UPDATE"))
    #expect("\(failure)".contains("postgresql-16-pgvector") == !canUpdate)
  }

  @Test("an old pgvector that is only available is refused before anything is changed")
  func oldAvailableVector() {
    let facts = Self.changed { facts in
      facts.vectorVersion = nil
      facts.availableVector = "0.6.2"
    }
    #expect(throws: PostgresStartFailure.vectorTooOld("0.6.2", canUpdate: false, serverVersion: 160_014)) {
      try facts.checkServer()
    }
  }

  @Test("pgvector in another schema is refused with the statement that moves it")
  func vectorElsewhere() {
    let facts = Self.changed { $0.vectorSchema = "extensions" }
    #expect(throws: PostgresStartFailure.vectorElsewhere("extensions")) { try facts.checkServer() }
    #expect("\(PostgresStartFailure.vectorElsewhere("extensions"))".contains("SET SCHEMA public"))
  }

  @Test("a role of ours that bypasses row-level security is refused")
  func bypassing() {
    let facts = Self.changed { facts in
      facts.roles = [
        ServerFacts.Role(name: "opentier_app", bypassesRowSecurity: true, isOpenToLogin: true, isGrantable: true)
      ]
    }
    #expect(throws: PostgresStartFailure.roleBypassesRowSecurity("opentier_app")) { try facts.checkServer() }
  }

  @Test("all that a login lacks is told at once, as the statements that a superuser runs")
  func missingRights() {
    let facts = Self.changed { facts in
      facts.vectorVersion = nil
      facts.mayCreateRoles = false
      facts.ownsSchema = false
      facts.login = "o\"wner"
    }
    let failure = PostgresStartFailure.missingRights(
      login: "o\"wner", database: "wiki",
      statements: [
        "CREATE EXTENSION vector",
        "ALTER DATABASE \"wiki\" OWNER TO \"o\"\"wner\"",
        "CREATE ROLE opentier_app NOLOGIN",
        "CREATE ROLE opentier_system NOLOGIN",
        "GRANT opentier_app TO \"o\"\"wner\" WITH INHERIT FALSE, SET TRUE",
        "GRANT opentier_system TO \"o\"\"wner\" WITH INHERIT FALSE, SET TRUE",
      ])
    #expect(throws: failure) { try facts.checkRights() }
    #expect("\(failure)".contains("CREATE EXTENSION vector; ALTER DATABASE"))
  }

  @Test("a trusted extension needs no superuser, and a superuser needs nothing")
  func sufficientRights() throws {
    try Self.changed { facts in
      facts.vectorVersion = nil
      facts.isVectorTrusted = true
      facts.mayCreateInDatabase = true
    }.checkRights()
    try Self.changed { facts in
      facts.vectorVersion = nil
      facts.isSuperuser = true
    }.checkRights()
    for roles in [Self.roles(isOpen: true), Self.roles(isOpen: false, isGrantable: true)] {
      try Self.changed { facts in
        facts.mayCreateRoles = false
        facts.roles = roles
      }.checkRights()
    }
  }

  @Test("roles that others made must be granted, in the words of the server's version", arguments: [150_018, 160_014])
  func foreignRoles(_ version: Int) {
    let facts = Self.changed { facts in
      facts.serverVersion = version
      facts.roles = Self.roles(isOpen: false)
    }
    let ending = version < 160_000 ? "" : " WITH INHERIT FALSE, SET TRUE"
    let statements = ["opentier_app", "opentier_system"].map { "GRANT \($0) TO \"owner\"" + ending }
    #expect(throws: PostgresStartFailure.missingRights(login: "owner", database: "wiki", statements: statements)) {
      try facts.checkRights()
    }
    #expect(throws: PostgresStartFailure.missingRights(login: "owner", database: "wiki", statements: [statements[0]])) {
      try facts.checkAccess()
    }
  }

  @Test("a schema that is gone or belongs to somebody else is told by its own statement")
  func schema() {
    let gone = Self.changed { $0.hasSchema = false }
    let foreign = Self.changed { facts in
      facts.ownsSchema = false
      facts.schemaFollowsDatabase = false
    }
    for (facts, statement) in [
      (gone, "CREATE SCHEMA public AUTHORIZATION \"owner\""), (foreign, "ALTER SCHEMA public OWNER TO \"owner\""),
    ] {
      #expect(throws: PostgresStartFailure.missingRights(login: "owner", database: "wiki", statements: [statement])) {
        try facts.checkRights()
      }
    }
  }

  @Test("a standby is refused")
  func standby() {
    let facts = Self.changed { $0.isReadOnly = true }
    #expect(throws: PostgresStartFailure.readOnly) { try facts.checkRights() }
  }
}
