/// A statement as it goes to the server.
struct Statement: Sendable {
  let text: String
  let parameters: [PostgresValue]

  init(_ sql: SQL) { self.init(sql.text, sql.parameters) }

  init(_ text: String, _ parameters: [PostgresValue]) {
    self.text = text
    self.parameters = parameters
  }

  /// What makes it the same prepared statement as another.
  var key: StatementCache.Key { StatementCache.Key(text: text, types: parameters.map(\.type)) }
}

/// What came back from the server.
struct ExchangeOutcome: Sendable {
  /// The answers to the statements that were done, without those of a transaction's beginning.
  var results: [PostgresResult] = []
  /// Why the rest was not done.
  var error: (any Error)?

  /// The answers to all statements.
  func get() throws -> [PostgresResult] {
    if let error { throw error }
    return results
  }
}

/// One turn on a connection: what is sent together and answered together. It is touched by its connection only.
final class Exchange {
  /// What is to be sent.
  enum Work: Sendable {
    /// Statements with one sync behind them, without names on the server.
    case statements([Statement])
    /// The same as one transaction of its own, which the server makes of what lies before a sync.
    case implicitTransaction(TransactionPlan, Statement)
    /// Statements of a transaction, behind its beginning when they are the first.
    case scoped(TransactionScope, [Statement])
    /// The end of a transaction, if it has begun.
    case end(TransactionScope, commits: Bool)
    /// Text of many statements in the simple protocol.
    case script(String)
  }

  /// What the server answers, in this order.
  enum Step {
    case deallocate
    case prepare(StatementCache.Key, name: String)
    case execute(Int)
    case sync
  }

  let work: Work
  let ticket: CancellationTicket?
  let silenceLimit: Double?
  private var continuation: CheckedContinuation<ExchangeOutcome, Never>?

  var steps: [Step] = []
  var position = 0
  /// How many of the first results belong to the transaction's beginning.
  var preludeCount = 0
  /// The statements as they are sent, the beginning included.
  var statements: [Statement] = []
  var outcome = ExchangeOutcome()
  /// Whether anything may have gone out that takes effect without what follows it.
  var isSent = false
  /// Whether the server ended the connection instead of doing a statement of it.
  var isRefused = false
  /// Whether the answer is complete.
  var isAnswered = false

  init(
    _ work: Work, ticket: CancellationTicket?, silenceLimit: Double?,
    continuation: CheckedContinuation<ExchangeOutcome, Never>
  ) {
    self.work = work
    self.ticket = ticket
    self.silenceLimit = silenceLimit
    self.continuation = continuation
  }

  /// The step whose answer comes next.
  var step: Step? { position < steps.count ? steps[position] : nil }

  /// Whether named statements are used where the connection is direct. What runs once, as migrations do, needs none.
  var usesPreparedStatements: Bool {
    switch work {
    case .statements, .script: false
    case .implicitTransaction, .scoped, .end: true
    }
  }

  /// The transaction that this is part of.
  var scope: TransactionScope? {
    switch work {
    case .scoped(let scope, _), .end(let scope, _): scope
    case .statements, .implicitTransaction, .script: nil
    }
  }

  /// Whether it asks for a change to last: then only an answer tells whether it does.
  var isCommit: Bool {
    if case .end(_, commits: true) = work { true } else { false }
  }

  /// How far it has come when the connection ends now.
  var lost: LostConnection { !isSent ? .beforeSending : isRefused ? .refusedByServer : .afterSending }

  /// Notes that the server ends the connection. What is sent without a `COMMIT` takes effect with the sync at the
  /// earliest, so before that it does not.
  func noteRefusal() {
    if case .sync = step { return }
    isRefused = !isCommit
  }

  /// Remembers the first failure; what comes after it was skipped by the server.
  func fail(_ error: any Error) {
    if outcome.error == nil { outcome.error = error }
  }

  /// Gives the outcome to whoever waits, once.
  func complete() {
    var outcome = outcome
    outcome.results.removeFirst(min(preludeCount, outcome.results.count))
    if let error = outcome.error { scope?.record(error) }
    continuation?.resume(returning: outcome)
    continuation = nil
  }
}
