package import Domain
package import FoundationEssentials

/// What calls have used and may use: quotas and budgets are checked and counted here, before a call and after it.
///
/// A call is admitted with a reservation of the most that it is expected to use, and settled with what it used. Both are
/// atomic over the organisation, the user, the API key and the budgets that the call counts for: however many calls race,
/// in one process or in many, the reservations never come to more than a limit.
package protocol UsageLedger: Sendable {
  /// Checks all limits, and where all have room counts the call and reserves what it asks for; one round trip.
  ///
  /// A call that asks for no tokens and keeps no stream open only counts as a request, with nothing to settle. Where there is
  /// neither a limit nor a budget for a call nothing is written: its settlement is all that is known of it.
  ///
  /// - Returns: the first limit without room, in the order of ``UsageScope``, budgets last; `nil` when it is admitted.
  /// - Throws: `.conflict("call")` for an id that is reserved.
  func reserve(_ call: MeteredCall, limits: UsageLimits, rules: BudgetRules) async throws(StorageFailure)
    -> UsageRefusal?

  /// Takes down what a call used, in place of its reservation; see ``UsageSettlement``. Settling a call again changes nothing.
  ///
  /// - Returns: the shares that budgets have reached with it, each of which is told once a month, in an event of the outbox
  ///   that is written with it.
  @discardableResult
  func settle(_ record: UsageRecord, rules: BudgetRules) async throws(StorageFailure) -> [BudgetAlert]

  /// Gives a reservation back, of a call that never began. One that is not open is no failure.
  func release(_ id: UsageCallID, of owner: Owner) async throws(StorageFailure)

  /// Keeps reservations of all tenants open until a time. One that is not open is no failure.
  func extend(_ ids: [UsageCallID], until time: Date) async throws(StorageFailure)

  /// The open calls of all tenants whose reservations have expired, the oldest first.
  func expired(at time: Date, limit: Int) async throws(StorageFailure) -> [MeteredCall]

  /// What was used.
  func report(_ query: UsageQuery) async throws(StorageFailure) -> UsageReport
}

/// The budgets of tenants and users, and who changed them.
package protocol BudgetRepository: Sendable {
  /// A tenant's budgets, in the order of their ids from the newest.
  func budgets(in organization: OrganizationID, at time: Date, page: PageRequest) async throws(StorageFailure) -> Page<
    Budget
  >

  /// The budgets that a user's calls count for: the organisation's, then the user's own.
  func budgets(of owner: Owner, at time: Date) async throws(StorageFailure) -> [Budget]

  /// Sets the amount for a tenant or one of its users. What was spent in the month until then counts.
  ///
  /// - Parameters:
  ///   - id: of the budget, where there is none yet.
  ///   - entry: what is written to the audit log with it.
  /// - Throws: `.notFound` for a user who is not there.
  func set(
    _ limit: Int, for user: UserID?, id: BudgetID, entry: AuditEntry
  ) async throws(StorageFailure) -> Budget

  /// Sets or ends the override of a budget.
  ///
  /// - Throws: `.notFound`.
  func override(
    _ id: BudgetID, with override: BudgetOverride?, entry: AuditEntry
  ) async throws(StorageFailure) -> Budget

  /// Removes a budget.
  ///
  /// - Throws: `.notFound`.
  func delete(_ id: BudgetID, entry: AuditEntry) async throws(StorageFailure)

  /// What was decided on budgets, newest first.
  func auditEntries(
    in organization: OrganizationID, page: PageRequest
  ) async throws(StorageFailure) -> Page<AuditEntry>
}
