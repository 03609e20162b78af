import SchemaMigrations

extension PostgresStartFailure: CustomStringConvertible {
  /// What is wrong and what to do.
  package var description: String {
    switch self {
    case .configuration(let reason): reason
    case .connection(let failure, let target): Self.describe(failure, target)
    case .serverTooOld(let version):
      "the database server is PostgreSQL \(version / 10_000): PostgreSQL 15 or later is needed"
    case .encoding(let encoding, let database):
      "the database \(database.quotedIdentifier) is encoded in \(encoding), and UTF8 is needed: make another one with "
        + "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
    case .vectorMissing(let version):
      "the database server does not have the extension pgvector: install \(Self.packages(version)) on it"
    case .vectorTooOld(let version, true, _):
      "the database has pgvector \(version), and 0.7 or later is needed: the server has a newer one, so run as the "
        + "extension's owner: ALTER EXTENSION vector UPDATE"
    case .vectorTooOld(let version, false, let server):
      "the database server has pgvector \(version), and 0.7 or later is needed: install a newer \(Self.packages(server)) "
        + "on it, then run: ALTER EXTENSION vector UPDATE"
    case .vectorElsewhere(let schema):
      "the extension pgvector is in the schema \(schema.quotedIdentifier), where its types are not found: run as its "
        + "owner: ALTER EXTENSION vector SET SCHEMA public"
    case .roleBypassesRowSecurity(let role):
      "the role \(role) bypasses row-level security, which keeps the organisations apart: run as a superuser: "
        + "ALTER ROLE \(role.quotedIdentifier) NOSUPERUSER NOBYPASSRLS"
    case .missingRights(let login, let database, let statements):
      "the login \(login.quotedIdentifier) may not do all that is needed; a superuser has to run in the database "
        + "\(database.quotedIdentifier): " + statements.map { $0 + ";" }.joined(separator: " ")
    case .unknownLogin(let login):
      "there is no login \(login.quotedIdentifier) on the database server: "
        + "CREATE ROLE \(login.quotedIdentifier) LOGIN PASSWORD '…'"
    case .readOnly:
      "the database server does not take writes, as a standby does: give the URL of the primary, or add "
        + "target_session_attrs=read-write to it"
    case .diskFull: "the disk of the database server is full: make room there and start again; nothing was changed"
    case .migration(let failure): failure.description
    case .refused("42501"):
      "the login may not read or change the schema: give the URL of the login that owns the database"
    case .refused(let state): "the database server refused a statement of the start (\(state)): its log says why"
    case .cancelled: "the start was interrupted; nothing of an unfinished migration was kept"
    }
  }

  private static func packages(_ serverVersion: Int) -> String {
    let major = serverVersion / 10_000
    return "the package postgresql-\(major)-pgvector (Debian, Ubuntu) or pgvector_\(major) (Red Hat)"
  }

  private static func describe(_ failure: PostgresConnectionFailure, _ target: ConnectionTarget) -> String {
    let server = "the database server at \(target.address)"
    let login = target.login.map { "the login \($0.quotedIdentifier)" } ?? "the login"
    let database = target.database.map { "the database \($0.quotedIdentifier)" } ?? "the database"
    switch failure {
    case .unreachable:
      return "\(server) does not answer: check that it runs, that it listens there, and that no firewall is between"
    case .unknownHost: return "the host of \(target.address) is not known: check the database URL, or the name service"
    case .tlsRefused:
      return "no TLS with \(server): check its certificate, and sslmode and sslrootcert in the database URL"
    case .refused(let state): return refused(state, server: server, login: login, database: database)
    case .connectTimeout: return "\(server) took too long to answer: check the address, and whether it is overloaded"
    case .exhausted: return "all connections to \(server) are in use"
    case .closed, .lost, .transactionEnded:
      return "the connection to \(server) was lost; nothing of an unfinished migration was kept: start again"
    case .outcomeUnknown:
      return "the connection to \(server) was lost while a migration was committed: start again, which looks at what "
        + "was applied"
    case .tooLarge: return "a statement of the start is larger than \(server) takes"
    }
  }

  /// What the server refuses a connection for; source of the codes:
  /// https://www.postgresql.org/docs/current/errcodes-appendix.html
  private static func refused(_ state: String, server: String, login: String, database: String) -> String {
    switch state {
    case "28P01": "\(server) refused \(login): the password in the database URL is wrong, or there is no such login"
    case "28000":
      "\(server) does not let \(login) in: make it with CREATE ROLE … LOGIN, or allow it in the server's pg_hba.conf"
    case "3D000":
      "\(server) has no such database: make \(database) with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, "
        + "or correct the database URL"
    case "42501": "\(login) may not connect to \(database): run as a superuser GRANT CONNECT ON DATABASE … TO …"
    case "53300": "\(server) has no connection left: raise its max_connections, or lower the pool's maximum"
    case "57P01", "57P02", "57P03": "\(server) is starting up or shutting down: try again in a moment"
    case "55000": "\(server) takes no connections to \(database): ALTER DATABASE … ALLOW_CONNECTIONS true"
    case "08P01":
      "\(server) refused the connection, as a pooler does for a login or a database that it does not know: its log says "
        + "why"
    // Among others "could not write init file".
    case "XX000": "\(server) could not begin a session: its log says why; its disk may be full"
    default: "\(server) refused the connection (SQLSTATE \(state)): its log says why"
    }
  }
}
