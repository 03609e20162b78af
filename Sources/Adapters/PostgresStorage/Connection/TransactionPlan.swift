import Domain

/// How a transaction begins.
struct TransactionPlan: Sendable {
  /// What kind of transaction it is.
  enum Kind: Sendable {
    /// One snapshot, read only.
    case snapshot
    /// Reads and writes.
    case readCommitted
    /// Without `BEGIN` and `COMMIT`: the server makes one transaction of all statements up to the next sync.
    case implicit
    /// The same, read only.
    case implicitReadOnly
  }

  let kind: Kind
  /// What precedes the first statement.
  let prelude: [Statement]
  /// A server that says nothing for so many seconds is taken for gone: it should have cancelled the statement.
  let silenceLimit: Double

  /// How much longer than the statement time-out the server's answer is awaited, in seconds.
  static let grace: Double = 10

  /// Whether it cannot write.
  var isReadOnly: Bool { kind == .snapshot || kind == .implicitReadOnly }
}

extension PostgresDatabase {
  /// The beginning of a transaction; nothing of it outlives the transaction, as each setting is local to it.
  func plan(
    _ kind: TransactionPlan.Kind, _ organization: OrganizationID?, _ statementTimeout: Double?, _ settings: [Setting]
  ) -> TransactionPlan {
    let timeout = statementTimeout ?? configuration.statementTimeout
    var text = Self.localSettings
    var parameters = [
      (organization?.description ?? "").postgres, Self.milliseconds(timeout).postgres,
      Self.milliseconds(configuration.idleInTransactionTimeout).postgres,
    ]
    if kind == .implicitReadOnly { text += ", set_config('transaction_read_only', 'on', true)" }
    for setting in settings {
      parameters += [setting.name.postgres, setting.value.postgres]
      text += ", set_config($\(parameters.count - 1), $\(parameters.count), true)"
    }
    let local = Statement(text, parameters)
    return TransactionPlan(
      kind: kind,
      prelude: Self.begin(kind).map { [$0, local] } ?? [local],
      silenceLimit: timeout + TransactionPlan.grace
    )
  }

  private static func begin(_ kind: TransactionPlan.Kind) -> Statement? {
    switch kind {
    case .snapshot: Statement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", [])
    case .readCommitted: Statement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", [])
    case .implicit, .implicitReadOnly: nil
    }
  }

  private static let localSettings = """
    SELECT set_config('role', '\(applicationRole)', true), set_config('app.organization_id', $1, true), \
    set_config('statement_timeout', $2, true), set_config('idle_in_transaction_session_timeout', $3, true)
    """

  private static func milliseconds(_ seconds: Double) -> String { String(Int((seconds * 1000).rounded())) + "ms" }
}
