package import Domain
package import FoundationEssentials

/// Tells what calls have used and cost: people theirs, and admins all of their organisation's.
package struct ReportUsage: Sendable {
  /// The most days of one report.
  package static let maximumDays = 366
  /// The days of a report that nobody limits.
  package static let defaultDays = 30

  /// What is asked for.
  package struct Query: Hashable, Sendable {
    /// The first moment's day; `nil` for ``ReportUsage/defaultDays`` before the last.
    package let from: Date?
    /// The last moment's day; `nil` for today.
    package let to: Date?
    /// Whose usage; `nil` for the organisation's where the caller is an admin, else the caller's.
    package let userID: UserID?
    /// Which of the users are told.
    package let page: PageRequest

    /// Makes a query.
    package init(from: Date? = nil, to: Date? = nil, userID: UserID? = nil, page: PageRequest = PageRequest()) {
      self.from = from
      self.to = to
      self.userID = userID
      self.page = page
    }
  }

  /// What was asked for.
  package struct Answer: Sendable {
    /// What was used.
    package let report: UsageReport
    /// The first day of it.
    package let first: UsageDay
    /// The last day of it.
    package let last: UsageDay
    /// The budgets that the calls count for.
    package let budgets: [Budget]
    /// What costs are millionths of.
    package let currency: String
    /// Where the next page of the users starts; `nil` on the last.
    package let next: PageCursor?
  }

  let usage: any UsageLedger
  let budgets: any BudgetRepository
  let currency: String
  let clock: WallClock

  /// Reports.
  ///
  /// - Throws: `.forbidden` for who asks for somebody else's and is no admin; `.invalid` for days in the wrong order or too
  ///   many.
  package func callAsFunction(_ query: Query, _ caller: Principal) async throws(UseCaseFailure) -> Answer {
    let user = query.userID ?? (caller.role >= .admin ? nil : caller.userID)
    if user != caller.userID { try caller.require(.admin, to: "see what others use") }
    let now = clock.now()
    let last = UsageDay(query.to ?? now)
    let first = query.from.map(UsageDay.init) ?? UsageDay(number: last.number - Self.defaultDays + 1)
    guard first <= last else { throw .invalid("from must not be after to") }
    guard last.number - first.number < Self.maximumDays else {
      throw .invalid("from and to must be at most \(Self.maximumDays) days apart")
    }
    // The users have no time that they could be paged by: the cursor says how many came before.
    let before = Int(clamping: query.page.after?.microseconds ?? 0)
    guard (0...1_000_000_000).contains(before) else { throw .invalid("pageToken must be a nextPageToken") }
    let report = try await storing("usage") { () async throws(StorageFailure) -> UsageReport in
      try await usage.report(
        UsageQuery(
          organizationID: caller.organizationID, userID: user, first: first, last: last, usersAfter: before,
          maximumUsers: query.page.size))
    }
    let owner = Owner(organizationID: caller.organizationID, userID: user ?? caller.userID)
    let counted = try await storing("budget") { () async throws(StorageFailure) in
      try await budgets.budgets(of: owner, at: now)
    }
    return Answer(
      report: report, first: first, last: last,
      // A tenant's own budget is no business of who is no admin, but for the fact that it is used up.
      budgets: counted.filter { caller.role >= .admin || $0.userID == caller.userID }, currency: currency,
      next: report.nextUser.map { PageCursor(microseconds: Int64($0), id: caller.organizationID.uuid) })
  }
}

/// Sets what calls may cost in a month, for an organisation and for its users. Each takes the role admin, and is written to
/// the audit log.
package struct ManageBudgets: Sendable {
  /// The longest that an override holds: 31 days, in seconds.
  package static let maximumOverride: TimeInterval = 31 * 86_400

  let budgets: any BudgetRepository
  let makeID: IDGenerator
  let clock: WallClock

  /// A tenant's budgets.
  package func list(page: PageRequest, _ caller: Principal) async throws(UseCaseFailure) -> Page<Budget> {
    try caller.require(.admin, to: "see budgets")
    return try await storing("budget") { () async throws(StorageFailure) in
      try await budgets.budgets(in: caller.organizationID, at: clock.now(), page: page)
    }
  }

  /// Sets the amount of a month for the organisation, or for one of its users.
  ///
  /// - Throws: `.invalid` for an amount below 0 or above ``Budget/maximumAmount``; `.notFound` for a user who is not there.
  package func set(_ limit: Int, for user: UserID?, _ caller: Principal) async throws(UseCaseFailure) -> Budget {
    try caller.require(.admin, to: "set a budget")
    guard (0...Budget.maximumAmount).contains(limit) else {
      throw .invalid("limitMicros must be 0 to \(Budget.maximumAmount)")
    }
    var details = ["limitMicros": "\(limit)"]
    details["userId"] = user?.description
    let entry = entry(.budgetSet, details, caller)
    return try await storing("user") { () async throws(StorageFailure) in
      try await budgets.set(limit, for: user, id: makeID(), entry: entry)
    }
  }

  /// Lets calls pass beyond a budget's stop until a time; a time that is not in the future ends that.
  ///
  /// - Throws: `.invalid` without a reason, for one that is too long, or for a time too far away; `.notFound`.
  package func override(
    _ id: BudgetID, until end: Date, reason: String, _ caller: Principal
  ) async throws(UseCaseFailure) -> Budget {
    try caller.require(.admin, to: "override a budget")
    let reason = reason.trimmingWhitespace()
    guard !reason.isEmpty, reason.count <= BudgetOverride.maximumReasonLength else {
      throw .invalid("reason must have 1 to \(BudgetOverride.maximumReasonLength) characters")
    }
    try refuseNull(in: reason, of: "reason")
    let now = clock.now()
    guard end <= now.addingTimeInterval(Self.maximumOverride) else {
      throw .invalid("expiresAt must be within \(Int(Self.maximumOverride / 86_400)) days")
    }
    let isEnd = end <= now
    let expiry = Date(microseconds: end.microseconds)
    var details = ["reason": reason]
    details["expiresAt"] = isEnd ? nil : expiry.formatted(.iso8601)
    let entry = entry(isEnd ? .budgetOverrideEnded : .budgetOverridden, details, caller)
    return try await storing("budget") { () async throws(StorageFailure) in
      try await budgets.override(
        id, with: isEnd ? nil : BudgetOverride(expiresAt: expiry, reason: reason, actor: caller.userID), entry: entry)
    }
  }

  /// Removes a budget: calls may cost what they cost.
  ///
  /// - Throws: `.notFound`.
  package func delete(_ id: BudgetID, _ caller: Principal) async throws(UseCaseFailure) {
    try caller.require(.admin, to: "remove a budget")
    let entry = entry(.budgetDeleted, [:], caller)
    try await storing("budget") { () async throws(StorageFailure) in try await budgets.delete(id, entry: entry) }
  }

  /// What was decided, newest first.
  package func auditEntries(page: PageRequest, _ caller: Principal) async throws(UseCaseFailure) -> Page<AuditEntry> {
    try caller.require(.admin, to: "see the audit log")
    return try await storing("audit log") { () async throws(StorageFailure) in
      try await budgets.auditEntries(in: caller.organizationID, page: page)
    }
  }

  private func entry(_ action: AuditEntry.Action, _ details: [String: String], _ caller: Principal) -> AuditEntry {
    let id: AuditEntryID = makeID()
    return AuditEntry(
      id: id, organizationID: caller.organizationID, actorID: caller.userID, action: action, subjectID: id.uuid,
      details: details, occurredAt: Date(microseconds: clock.now().microseconds))
  }
}
