/// What the operator may want to know; no event carries a statement, a parameter or a secret.
package enum PostgresEvent: Hashable, Sendable {
  /// The server or libpq said something beside an answer.
  case notice(severity: String, sqlState: String, message: String)
  /// A statement failed.
  case statementFailed(PostgresError)
  /// A connection is ready; through a pooler when its server process is not the one that it was told of.
  case connected(throughPooler: Bool, serverVersion: Int)
  /// Connecting failed; `detail` is libpq's or the server's text, without the password.
  case connectionFailed(PostgresConnectionFailure, detail: String)
  /// An open connection ended on its own.
  case connectionLost(detail: String)
  /// A transaction is run again from its start.
  case retrying(reason: String, attempt: Int)
}

/// Receives events, on any thread; it must not block.
package typealias PostgresDiagnostics = @Sendable (PostgresEvent) -> Void
