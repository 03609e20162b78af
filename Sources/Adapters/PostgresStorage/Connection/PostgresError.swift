import CLibPQ

/// What the server said of a statement: the adapter's own error, for its code and the operator's log, not for clients.
package struct PostgresError: Error, Hashable, Sendable {
  /// The five characters of the SQLSTATE, such as `23505`.
  package let sqlState: String
  /// `ERROR`, `FATAL` or `PANIC`; the last two end the connection.
  package let severity: String
  /// The server's words, in its language. They may quote a value, so they go nowhere but to the operator.
  package let message: String
  /// The constraint or unique index that a value violated.
  package let constraint: String?
  /// The table that it belongs to.
  package let table: String?
  /// The column that it belongs to.
  package let column: String?
  /// The function of the server's source that raised it, which tells apart what shares a SQLSTATE.
  package let routine: String?

  /// Makes an error of its parts.
  package init(
    sqlState: String, severity: String = "ERROR", message: String, constraint: String? = nil, table: String? = nil,
    column: String? = nil, routine: String? = nil
  ) {
    self.sqlState = sqlState
    self.severity = severity
    self.message = message
    self.constraint = constraint
    self.table = table
    self.column = column
    self.routine = routine
  }

  /// Reads the fields of a failed result.
  init(_ result: OpaquePointer?) {
    func field(_ code: Character) -> String? {
      PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
    }
    // The codes are `PG_DIAG_*`, character constants that Swift does not import.
    self.init(
      sqlState: field("C") ?? "",
      severity: field("V") ?? field("S") ?? "ERROR",
      message: field("M") ?? "",
      constraint: field("n"),
      table: field("t"),
      column: field("c"),
      routine: field("R")
    )
  }

  /// The words, unless they would quote a value: those of class 22 (data exception) and 23 do.
  package var messageWithoutValues: String {
    sqlState.hasPrefix("22") || sqlState.hasPrefix("23") ? "" : message
  }

  /// Whether the server has no room on a disk: `disk_full`, and what it says under the code of another failure.
  package var saysDiskIsFull: Bool { sqlState == "53100" || Self.isOfFullDisk(message) }

  /// Whether words of the server or of libpq are those for a disk or a quota without room, which the C library gives to
  /// both (`ENOSPC`, `EDQUOT`); they are English where `lc_messages` is.
  package static func isOfFullDisk(_ words: String) -> Bool {
    words.contains("No space left on device") || words.contains("Disk quota exceeded") || words.contains(" 53100: ")
  }

  /// Whether the server ended the connection with it.
  var endsConnection: Bool { severity != "ERROR" }

  /// Whether a prepared statement is gone or out of date, so that preparing it anew helps.
  var concernsPreparedStatement: Bool {
    switch sqlState {
    case "26000": true
    case "42P05": true
    case "0A000": routine == "RevalidateCachedQuery"
    default: false
    }
  }

  /// What a statement meets whose transaction another statement has ended.
  static let transactionEnded = PostgresError(
    sqlState: "25P01", message: "a statement ended the transaction that it is part of"
  )

  /// Whether the transaction failed for what others did at the same time: run again, it may succeed.
  var isConflictOfTransactions: Bool { sqlState == "40001" || sqlState == "40P01" }
}

/// What went wrong with a connection rather than with a statement.
package enum PostgresConnectionFailure: Error, Hashable, Sendable {
  /// Nothing answers at the address, or it closed the connection at once.
  case unreachable
  /// The host's name cannot be resolved.
  case unknownHost
  /// TLS was refused, or a certificate does not fit.
  case tlsRefused
  /// The server was reached and refused the connection with this SQLSTATE.
  case refused(sqlState: String)
  /// Connecting took longer than its time-out.
  case connectTimeout
  /// All connections were in use for the whole checkout time-out.
  case exhausted
  /// The pool or the connection was closed by its owner.
  case closed
  /// The connection ended.
  case lost(LostConnection)
  /// The answer to `COMMIT` was lost, so nobody knows whether the change was made.
  case outcomeUnknown
  /// What was to be sent is larger or has more parameters than the protocol takes.
  case tooLarge
  /// The transaction was used after its body had returned.
  case transactionEnded
}

/// How far a statement came before its connection ended.
package enum LostConnection: Hashable, Sendable {
  /// Nothing of it was sent.
  case beforeSending
  /// The server ended the connection before it had done the statement.
  case refusedByServer
  /// It was sent, and nobody knows whether it was done.
  case afterSending
}
