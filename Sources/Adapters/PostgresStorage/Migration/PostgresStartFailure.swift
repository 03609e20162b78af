package import SchemaMigrations

/// Why the platform cannot start on a database; nothing of a migration that failed is kept. Each says what to do, and
/// none holds a secret.
package enum PostgresStartFailure: Error, Hashable, Sendable {
  /// The URL cannot be used, and why.
  case configuration(String)
  /// No connection; the address, the login and the database are those of the URL.
  case connection(PostgresConnectionFailure, target: ConnectionTarget)
  /// The server's version, such as 140011.
  case serverTooOld(Int)
  /// The database's encoding is not UTF-8.
  case encoding(String, database: String)
  /// The server cannot install pgvector.
  case vectorMissing(serverVersion: Int)
  /// pgvector's version; whether the server has a newer one that the database only has to take.
  case vectorTooOld(String, canUpdate: Bool, serverVersion: Int)
  /// pgvector is in a schema where its types are not found.
  case vectorElsewhere(String)
  /// A role that row-level security must hold for bypasses it.
  case roleBypassesRowSecurity(String)
  /// The login may not do what is needed; a superuser has to run the statements.
  case missingRights(login: String, database: String, statements: [String])
  /// There is no such login to give access to.
  case unknownLogin(String)
  /// The server is a standby, or does not take writes.
  case readOnly
  /// The server's disk is full.
  case diskFull
  /// The schema and the files do not fit, or a migration failed.
  case migration(MigrationFailure)
  /// The server refused a statement, by its SQLSTATE, or gave an answer that cannot be read.
  case refused(String)
  /// The task was cancelled.
  case cancelled

  /// The oldest server that will do: PostgreSQL 15.
  package static let minimumServer = 150_000
}

/// Where a connection was to go: what an operator needs to find the mistake, and no secret.
package struct ConnectionTarget: Hashable, Sendable {
  /// Hosts and ports, or the folder of a socket.
  package let address: String
  /// The login, where the URL names one.
  package let login: String?
  /// The database, where the URL names one.
  package let database: String?

  package init(address: String, login: String?, database: String?) {
    self.address = address
    self.login = login
    self.database = database
  }

  init(_ parameters: ConnectionParameters) {
    let hosts = (parameters["host"] ?? parameters["hostaddr"] ?? "the local socket").split(separator: ",")
    let ports = (parameters["port"] ?? "5432").split(separator: ",")
    address = hosts.enumerated().map { index, host in
      "\(host):\(index < ports.count ? ports[index] : ports.last ?? "5432")"
    }.joined(separator: ", ")
    login = parameters["user"]
    database = parameters["dbname"] ?? parameters["user"]
  }
}

extension PostgresStartFailure {
  /// What a failure of a statement or of the connection means for the start.
  init(_ error: any Error, target: ConnectionTarget) {
    switch error {
    case let failure as PostgresStartFailure: self = failure
    case let failure as MigrationFailure: self = .migration(failure)
    case let failure as PostgresConfigurationFailure: self = .configuration(failure.description)
    case let failure as PostgresConnectionFailure: self = .connection(failure, target: target)
    case is CancellationError: self = .cancelled
    case let error as PostgresError:
      switch error.sqlState {
      case "53100": self = .diskFull
      case "25006": self = .readOnly
      case let state where state.hasPrefix("57P0"): self = .connection(.refused(sqlState: state), target: target)
      default: self = .refused(error.sqlState)
      }
    default: self = .refused("an answer that cannot be read")
    }
  }
}
