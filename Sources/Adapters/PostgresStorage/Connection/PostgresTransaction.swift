/// The open transaction of a body that ``PostgresDatabase`` runs. It may be used until the body returns.
///
/// The first statement begins the transaction on the server, in the same round trip. Statements that run at the same
/// time take turns. After a statement failed, every later one of the transaction fails with SQLSTATE 25P02, and the
/// transaction is rolled back even when the body returns normally.
package struct PostgresTransaction: Sendable {
  let scope: TransactionScope

  /// Runs a statement and gives its rows.
  ///
  /// - Throws: `PostgresError`, `PostgresConnectionFailure` or `CancellationError`.
  package func rows(_ sql: SQL) async throws -> [PostgresRow] {
    try await scope.run([sql])[0].rows
  }

  /// Runs a statement and gives its first row.
  package func first(_ sql: SQL) async throws -> PostgresRow? {
    try await scope.run([sql])[0].rows.first
  }

  /// Runs a statement and gives the number of rows that it touched.
  @discardableResult
  package func execute(_ sql: SQL) async throws -> Int {
    try await scope.run([sql])[0].affected
  }

  /// Runs statements in their order and one round trip; at the first that fails the rest is left out.
  ///
  /// - Returns: the number of rows that each touched.
  @discardableResult
  package func execute(_ statements: [SQL]) async throws -> [Int] {
    try await scope.run(statements).map(\.affected)
  }
}
