import Synchronization

/// One transaction on one connection, from its first statement to its end.
final class TransactionScope: Sendable {
  private struct State {
    var hasBegun = false
    var hasEnded = false
    var error: (any Error)?
  }

  let connection: PostgresConnection
  let plan: TransactionPlan
  private let state = Mutex(State())

  init(on connection: PostgresConnection, plan: TransactionPlan) {
    self.connection = connection
    self.plan = plan
  }

  /// The first failure of one of its statements, after which the server does nothing more in it.
  var error: (any Error)? { state.withLock(\.error) }

  /// Whether its first statement was sent.
  var hasBegun: Bool { state.withLock(\.hasBegun) }

  /// Runs statements in one round trip, behind those that were asked for earlier.
  func run(_ statements: [SQL]) async throws -> [PostgresResult] {
    guard !statements.isEmpty else { return [] }
    let work = Exchange.Work.scoped(self, statements.map(Statement.init))
    return try await connection.perform(work, silenceLimit: plan.silenceLimit).get()
  }

  /// Ends it, if it has begun; not interrupted by cancellation.
  ///
  /// - Throws: what kept it from being committed, when it was to be.
  func end(commits: Bool) async throws {
    let limit = plan.silenceLimit
    _ = try await connection.perform(.end(self, commits: commits), isCancellable: false, silenceLimit: limit).get()
  }

  /// Called by the connection as it is about to send a statement of it.
  ///
  /// - Parameter isOpen: whether the server is in a transaction that has not failed.
  /// - Returns: what precedes the statement.
  /// - Throws: why the statement may not be sent. Above all it must never run outside of the transaction, where
  ///   neither its role nor its tenant would hold.
  func admit(isOpen: Bool) throws -> [Statement] {
    try state.withLock { state in
      if state.hasEnded { throw PostgresConnectionFailure.transactionEnded }
      if !state.hasBegun {
        state.hasBegun = true
        return plan.prelude
      }
      if isOpen { return [] }
      if let error = state.error { throw error }
      throw PostgresError.transactionEnded
    }
  }

  /// Called by the connection when the first statement was not sent after all.
  func takeBackBeginning() { state.withLock { $0.hasBegun = false } }

  /// Called by the connection as it is about to end it.
  ///
  /// - Returns: whether it was begun.
  func close() -> Bool {
    state.withLock { state in
      state.hasEnded = true
      return state.hasBegun
    }
  }

  /// Remembers the first failure.
  func record(_ error: any Error) {
    state.withLock { state in
      if state.error == nil { state.error = error }
    }
  }
}
