package import Application
package import Domain
package import FoundationEssentials

/// Budgets in memory.
package struct InMemoryBudgetRepository: BudgetRepository {
  private let store: InMemoryStore

  /// Keeps the budgets of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func budgets(
    in organization: OrganizationID, at time: Date, page: PageRequest
  ) async throws(StorageFailure) -> Page<Budget> {
    try store.access { state in
      let page = Page.newestFirst(
        state.budgets.values.filter { $0.organizationID == organization }, page: page,
        time: { _ in Date(microseconds: 0) },
        id: \.id)
      return Page(items: page.items.map { $0.rolled(to: time) }, next: page.next)
    }
  }

  package func budgets(of owner: Owner, at time: Date) async throws(StorageFailure) -> [Budget] {
    try store.access { state in state.budgets(of: owner).map { $0.rolled(to: time) } }
  }

  package func set(
    _ limit: Int, for user: UserID?, id: BudgetID, entry: AuditEntry
  ) async throws(StorageFailure) -> Budget {
    let (organization, time) = (entry.organizationID, entry.occurredAt)
    return try store.access { state throws(StorageFailure) in
      if let user, state.users[user]?.user.organizationID != organization { throw .notFound }
      let known = state.budgets.values.first { $0.organizationID == organization && $0.userID == user }
      var budget =
        known
        ?? Budget(id: id, organizationID: organization, userID: user, limit: limit, period: BudgetPeriod(time))
      if known == nil {
        let month = budget.period
        let isMeant = { (owner: Owner, start: Date) in
          owner.organizationID == organization && (user == nil || owner.userID == user) && BudgetPeriod(start) == month
        }
        budget.spent = state.usageRecords.values.filter { isMeant($0.owner, $0.startedAt) }.reduce(0) { $0 + $1.cost }
        budget.reserved = state.meteredCalls.values.filter { isMeant($0.owner, $0.startedAt) }.reduce(0) {
          $0 + $1.cost
        }
      }
      budget.roll(to: time)
      budget.limit = limit
      budget.alerted = 0
      state.budgets[budget.id] = budget
      state.auditEntries.append(entry.about(budget.id))
      return budget
    }
  }

  package func override(
    _ id: BudgetID, with override: BudgetOverride?, entry: AuditEntry
  ) async throws(StorageFailure) -> Budget {
    try store.access { state throws(StorageFailure) in
      guard var budget = state.budgets[id], budget.organizationID == entry.organizationID else { throw .notFound }
      budget.roll(to: entry.occurredAt)
      budget.override = override
      state.budgets[id] = budget
      state.auditEntries.append(entry.about(id))
      return budget
    }
  }

  package func delete(_ id: BudgetID, entry: AuditEntry) async throws(StorageFailure) {
    try store.access { state throws(StorageFailure) in
      guard state.budgets[id]?.organizationID == entry.organizationID else { throw .notFound }
      state.budgets[id] = nil
      state.auditEntries.append(entry.about(id))
    }
  }

  package func auditEntries(
    in organization: OrganizationID, page: PageRequest
  ) async throws(StorageFailure) -> Page<AuditEntry> {
    try store.access { state in
      Page.newestFirst(
        state.auditEntries.filter { $0.organizationID == organization }, page: page, time: \.occurredAt, id: \.id)
    }
  }
}
