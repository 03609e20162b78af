import Dispatch
import Domain

// The one place that begins and ends the application's transactions.
extension PostgresDatabase {
  /// Runs a transaction, again from its start where that is safe and of use.
  func run<Value: Sendable>(
    _ plan: TransactionPlan, _ body: @Sendable (PostgresTransaction) async throws -> Value
  ) async throws -> Value {
    try await repeating { () async throws(FailedAttempt) -> Value in
      let connection = try await checkedOut()
      defer { pool.checkIn(connection) }
      let scope = TransactionScope(on: connection, plan: plan)
      let value: Value
      do {
        value = try await body(PostgresTransaction(scope: scope))
        // From here on cancellation changes nothing any more.
        try Task.checkCancellation()
      } catch {
        await rollBack(scope)
        // What the body made of a statement's failure may hide what it was.
        let cause = scope.error ?? error
        throw FailedAttempt(error, scope.hasBegun || !Self.isDead(cause) ? Self.repetition(after: cause) : .free)
      }
      do {
        try await scope.end(commits: true)
        return value
      } catch PostgresConnectionFailure.lost(let lost) {
        if plan.isReadOnly { return value }
        if lost == .beforeSending { throw FailedAttempt(PostgresConnectionFailure.lost(lost), .atOnce) }
        throw FailedAttempt(PostgresConnectionFailure.outcomeUnknown, nil)
      } catch {
        throw FailedAttempt(error, Self.repetition(after: error))
      }
    }
  }

  /// Runs one statement as a transaction of its own.
  func run(_ plan: TransactionPlan, _ sql: SQL) async throws -> PostgresResult {
    let statement = Statement(sql)
    return try await repeating { () async throws(FailedAttempt) -> PostgresResult in
      let connection = try await checkedOut()
      defer { pool.checkIn(connection) }
      let work = Exchange.Work.implicitTransaction(plan, statement)
      do {
        return try await connection.perform(work, silenceLimit: plan.silenceLimit).get()[0]
      } catch PostgresConnectionFailure.lost(.afterSending) where !plan.isReadOnly {
        throw FailedAttempt(PostgresConnectionFailure.outcomeUnknown, nil)
      } catch {
        throw FailedAttempt(error, Self.isDead(error) ? .free : Self.repetition(after: error))
      }
    }
  }

  /// When a transaction that failed is run again.
  private enum Repetition {
    /// On another connection, as this one turned out dead before anything was sent. That costs no attempt: after a
    /// restart of the server all idle ones may be dead. There are no more of them than the pool holds.
    case free
    /// On another connection, or with a statement prepared anew.
    case atOnce
    /// When those that it collided with have had time to end.
    case afterPause
  }

  private struct FailedAttempt: Error {
    let error: any Error
    let repetition: Repetition?

    init(_ error: any Error, _ repetition: Repetition?) {
      self.error = error
      self.repetition = repetition
    }
  }

  private static func isDead(_ error: any Error) -> Bool {
    if case PostgresConnectionFailure.lost(.beforeSending) = error { true } else { false }
  }

  private static func repetition(after error: any Error) -> Repetition? {
    switch error {
    case let error as PostgresError where error.isConflictOfTransactions: .afterPause
    case let error as PostgresError where error.concernsPreparedStatement: .atOnce
    // `COMMIT` was not sent yet, or this is no failure of the server: nothing was written.
    case PostgresConnectionFailure.lost: .atOnce
    default: nil
    }
  }

  private func repeating<Value: Sendable>(
    _ attempt: () async throws(FailedAttempt) -> Value
  ) async throws -> Value {
    var attempts = 1
    var dead = 0
    while true {
      let failed: FailedAttempt
      do { return try await attempt() } catch { failed = error }
      guard let repetition = failed.repetition, !Task.isCancelled else { throw failed.error }
      if case .free = repetition, dead < configuration.maximumConnections {
        dead += 1
        continue
      }
      guard attempts < Self.maximumAttempts else { throw failed.error }
      attempts += 1
      diagnostics(.retrying(reason: Self.reason(failed.error), attempt: attempts))
      if case .afterPause = repetition {
        // Random, so that two that collided do not meet again: at most 10, 20, 40 ms.
        try await Task.sleep(for: .microseconds(Int.random(in: 1000...(5000 << (attempts - 1)))))
      }
    }
  }

  private static func reason(_ error: any Error) -> String {
    (error as? PostgresError).map { "SQLSTATE " + $0.sqlState } ?? "the connection ended"
  }

  private func checkedOut() async throws(FailedAttempt) -> PostgresConnection {
    do {
      return try await pool.checkOut()
    } catch {
      throw FailedAttempt(error, nil)
    }
  }

  private func rollBack(_ scope: TransactionScope) async {
    // A connection that cannot roll back has ended, and with it the transaction.
    do { try await scope.end(commits: false) } catch { await scope.connection.close() }
  }
}
