import Logging
import Metrics
import PostgresStorage

/// Logs and counts what the database connections have to tell.
enum PostgresLogging {
  private static let diskFull: Logger.Message =
    "the disk of the database server is full: make room there; nothing was lost, and writing works again by itself"

  /// Hands events to the log; none carries a statement, a value or a secret.
  static func diagnostics(_ logger: Logger) -> PostgresDiagnostics {
    { event in
      switch event {
      case .notice(let severity, let state, let message):
        let level: Logger.Level = severity == "WARNING" ? .warning : .debug
        logger.log(level: level, "the database says: \(message)", metadata: ["sql_state": "\(state)"])
      case .statementFailed(let error):
        Counter(label: "postgres_statement_failures_total").increment()
        if error.saysDiskIsFull {
          return logger.error(
            diskFull, metadata: ["sql_state": "\(error.sqlState)", "reason": "\(error.messageWithoutValues)"])
        }
        // Unique values that are taken, and conflicts of transactions, are everyday; they are told to who asked.
        let level: Logger.Level = error.sqlState.hasPrefix("23") || error.sqlState.hasPrefix("40") ? .debug : .warning
        var metadata: Logger.Metadata = [
          "sql_state": "\(error.sqlState)", "reason": "\(error.messageWithoutValues)",
        ]
        if let constraint = error.constraint { metadata["constraint"] = "\(constraint)" }
        logger.log(level: level, "a statement failed", metadata: metadata)
      case .connected(let throughPooler, let version):
        Counter(label: "postgres_connections_opened_total").increment()
        logger.debug(
          "database connection opened", metadata: ["pooler": "\(throughPooler)", "server_version": "\(version)"])
      case .connectionFailed(let failure, let detail):
        Counter(label: "postgres_connection_failures_total").increment()
        if PostgresError.isOfFullDisk(detail) { logger.error(diskFull) }
        logger.warning(
          "cannot connect to the database", metadata: ["failure": "\(failure)", "reason": "\(detail)"])
      case .connectionLost(let detail):
        Counter(label: "postgres_connections_lost_total").increment()
        if PostgresError.isOfFullDisk(detail) { logger.error(diskFull) }
        logger.warning("a database connection was lost", metadata: ["reason": "\(detail)"])
      case .retrying(let reason, let attempt):
        Counter(label: "postgres_transaction_retries_total").increment()
        logger.debug("a transaction is run again", metadata: ["reason": "\(reason)", "attempt": "\(attempt)"])
      }
    }
  }
}
