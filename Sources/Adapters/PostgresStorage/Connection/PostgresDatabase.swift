package import Application
import Dispatch
package import Domain

/// The pool of connections and the one place that begins the application's transactions.
///
/// Each transaction starts with one statement that makes the role ``applicationRole``, names the tenant and sets the
/// time-outs, all for this transaction only: nothing stays on the connection. A transaction that failed for what others
/// did at the same time, or whose connection ended before `COMMIT` was sent, wrote nothing and is run again from its
/// start, so a body must have no other effects than its statements.
package struct PostgresDatabase: Sendable {
  /// The role of every transaction; a migration makes it. It neither owns a table nor bypasses row-level security.
  package static let applicationRole = "opentier_app"
  /// How often a transaction is run at most.
  package static let maximumAttempts = 4

  /// A server setting for one transaction, such as `hnsw.ef_search`.
  package typealias Setting = (name: String, value: String)

  let pool: PostgresPool
  let configuration: PostgresConfiguration
  let diagnostics: PostgresDiagnostics

  /// Makes the pool; connections are opened when they are needed, and up to the minimum in the background.
  package init(configuration: PostgresConfiguration, diagnostics: @escaping PostgresDiagnostics = { _ in }) {
    self.configuration = configuration
    self.diagnostics = diagnostics
    pool = PostgresPool(configuration: configuration, diagnostics: diagnostics)
  }

  /// Reads from one snapshot, in a transaction that cannot write.
  ///
  /// - Parameters:
  ///   - organization: the tenant whose rows are visible; with `nil` only system functions give rows.
  ///   - statementTimeout: how long a statement may take, in seconds, when that is not the configuration's.
  ///   - settings: server settings for this transaction; a name is never from a user.
  package func read<Value: Sendable>(
    in organization: OrganizationID?, statementTimeout: Double? = nil, settings: [Setting] = [],
    _ body: @Sendable (PostgresTransaction) async throws -> Value
  ) async throws(StorageFailure) -> Value {
    let plan = plan(.snapshot, organization, statementTimeout, settings)
    do { return try await run(plan, body) } catch { throw StorageFailure(error) }
  }

  /// Reads and writes, committed before it returns; rolled back when `body` throws or the task is cancelled.
  ///
  /// The isolation is READ COMMITTED. When the answer to `COMMIT` is lost, the failure says that nobody knows whether
  /// the change was made.
  @discardableResult
  package func write<Value: Sendable>(
    in organization: OrganizationID?, statementTimeout: Double? = nil, settings: [Setting] = [],
    _ body: @Sendable (PostgresTransaction) async throws -> Value
  ) async throws(StorageFailure) -> Value {
    let plan = plan(.readCommitted, organization, statementTimeout, settings)
    do { return try await run(plan, body) } catch { throw StorageFailure(error) }
  }

  /// The same under a lease: a `LeaseFailure` of `body` passes through.
  @discardableResult
  package func writeUnderLease<Value: Sendable>(
    in organization: OrganizationID?, statementTimeout: Double? = nil, settings: [Setting] = [],
    _ body: @Sendable (PostgresTransaction) async throws -> Value
  ) async throws(LeaseFailure) -> Value {
    let plan = plan(.readCommitted, organization, statementTimeout, settings)
    do {
      return try await run(plan, body)
    } catch let failure as LeaseFailure {
      throw failure
    } catch {
      throw .storage(StorageFailure(error))
    }
  }

  /// Runs one statement in a transaction of its own, in one round trip.
  ///
  /// - Parameter readOnly: whether the statement may not write; then it is also run again when its connection ends
  ///   while the answer is awaited. Otherwise nobody knows in that case whether it was done, and the failure says so.
  package func query(
    in organization: OrganizationID?, readOnly: Bool = false, statementTimeout: Double? = nil,
    settings: [Setting] = [], _ sql: SQL
  ) async throws(StorageFailure) -> [PostgresRow] {
    let plan = plan(readOnly ? .implicitReadOnly : .implicit, organization, statementTimeout, settings)
    do { return try await run(plan, sql).rows } catch { throw StorageFailure(error) }
  }

  /// Whether the database answers: for readiness. Takes part in the pool's limits and time-outs.
  package func check() async throws(StorageFailure) {
    do { try await pool.withConnection { _ = try await $0.rows("SELECT 1") } } catch { throw StorageFailure(error) }
  }

  /// Refuses new work, waits for what runs, cancels it after `grace` seconds, and closes every connection.
  package func close(grace: Double = 5) async { await pool.close(grace: grace) }
}
