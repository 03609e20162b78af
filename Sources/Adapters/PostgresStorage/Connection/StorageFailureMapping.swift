import Application

extension StorageFailure {
  /// Translates what a transaction throws, once; no word of the server's or of libpq's gets through.
  ///
  /// Source of the codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
  init(_ error: any Error) {
    switch error {
    case let failure as StorageFailure: self = failure
    case is CancellationError: self = .cancelled
    case let error as PostgresError: self = Self.translated(error)
    case let failure as PostgresConnectionFailure: self = Self.translated(failure)
    case let error as UnreadableValue: self = .corrupt("\(error.column) cannot be read back")
    default: self = .corrupt("a value cannot be written or read back")
    }
  }

  private static func translated(_ failure: PostgresConnectionFailure) -> StorageFailure {
    switch failure {
    case .unreachable:
      .unavailable("the database server cannot be reached; check that it runs and the host and port in its URL")
    case .unknownHost: .unavailable("the database server's host name cannot be resolved; check its URL")
    case .tlsRefused:
      .unavailable(
        "no TLS connection to the database server; check sslmode and sslrootcert in its URL and its certificate"
      )
    case .refused(let sqlState): refusal(sqlState)
    case .connectTimeout:
      .unavailable("the database server did not answer in time; check its host and port, and firewalls on the way")
    case .exhausted:
      .unavailable("all database connections are in use; try again, or raise the maximum of the pool")
    case .closed: .unavailable("the database connections are closed; the service is stopping")
    case .lost: .unavailable("the database connection was lost before the end; nothing was written, try again")
    case .outcomeUnknown:
      .unavailable(
        "the database connection was lost at the end: "
          + "it is unknown whether the change was made; look before trying again"
      )
    case .tooLarge: .corrupt("a value is larger than the database takes (1 GB)")
    case .transactionEnded: .corrupt("a statement came after the end of its transaction")
    }
  }

  /// Why the server refused the connection.
  private static func refusal(_ sqlState: String) -> StorageFailure {
    switch sqlState {
    case "28P01": .unavailable("the database server refused the password; check the user and password in its URL")
    case "28000":
      .unavailable("the database server does not admit this user from here; check the user and its pg_hba.conf")
    case "3D000":
      .unavailable("the database does not exist on the server; check the name in the URL, or create it")
    case "42501": .unavailable("the database user may not connect to this database; grant it CONNECT")
    case "57P03": .unavailable("the database server is starting up or shutting down; try again in a moment")
    default: translated(PostgresError(sqlState: sqlState, message: ""))
    }
  }

  private static func translated(_ error: PostgresError) -> StorageFailure {
    if error.saysDiskIsFull { return diskFull }
    return switch error.sqlState {
    // What the server says when the role that a transaction is to run as does not exist.
    case "22023" where error.routine == "call_string_check_hook": outdatedSchema
    case "23505", "23P01": .conflict(ConstraintNames.name(of: error.constraint))
    case "23503": .notFound
    case "40001", "40P01": .unavailable("others changed the same data at the same time, again and again; try again")
    case "57014": .unavailable("the database took longer than a statement may; try again, or raise the time-out")
    case "55P03": .unavailable("a lock in the database was not to be had in time; try again")
    case "53300":
      .unavailable("the database server has no connection left; lower the pool's maximum or raise max_connections")
    case "53200": .unavailable("the database server is out of memory; try again, or give it more")
    case "25006":
      .unavailable("the database server is read-only, such as a standby; point the URL at the primary server")
    case "42501":
      .unavailable("the database user lacks a privilege; run opentier migrate up, which grants the role it needs")
    case "42P01", "42703", "42704", "42883", "3F000", "42P02":
      outdatedSchema
    case "22021", "22P05": .corrupt("a text holds a character that the database cannot store (U+0000)")
    case "26000", "42P05":
      .unavailable("a prepared statement is not where it was; behind a pooler use its transaction mode")
    default: byClass(error.sqlState)
    }
  }

  private static let diskFull = StorageFailure.full(
    "the disk of the database server is full: make room there; writing works again by itself"
  )

  private static let outdatedSchema = StorageFailure.unavailable(
    "the database schema is not up to date; run opentier migrate up"
  )

  private static func byClass(_ sqlState: String) -> StorageFailure {
    switch sqlState.prefix(2) {
    case "08": .unavailable("the connection to the database failed; try again")
    case "57": .unavailable("the database server is stopping or restarting; try again in a moment")
    case "53", "54": .unavailable("the database server is at a limit of its resources (code \(sqlState)); try again")
    case "58", "F0": .unavailable("the database server cannot read or write its files (code \(sqlState)); see its log")
    case "XX": .corrupt("the database server found its data damaged (code \(sqlState)); see its log")
    case "22", "23": .corrupt("a value does not fit the schema (code \(sqlState))")
    default: .corrupt("the database refused a statement (code \(sqlState))")
    }
  }
}

extension PostgresConnectionFailure {
  /// Whether trying again without a change of the settings is of no use.
  var isPermanent: Bool {
    switch self {
    case .tlsRefused: true
    case .refused(let sqlState): ["28P01", "28000", "3D000", "42501"].contains(sqlState)
    default: false
    }
  }
}
