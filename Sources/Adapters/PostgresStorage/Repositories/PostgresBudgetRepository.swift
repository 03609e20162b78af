package import Application
package import Domain
package import FoundationEssentials

/// Budgets in PostgreSQL.
package struct PostgresBudgetRepository: BudgetRepository {
  private let database: PostgresDatabase

  /// Keeps the budgets of `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func budgets(
    in organization: OrganizationID, at time: Date, page: PageRequest
  ) async throws(StorageFailure) -> Page<Budget> {
    var condition: SQL = "organization_id = \(organization)"
    if let after = page.after { condition += " AND id < \(after.id)" }
    let budgets = try await database.fetch(
      in: organization, "SELECT * FROM budgets WHERE \(condition) ORDER BY id DESC LIMIT \(page.size + 1)",
      Budget.init(row:))
    let shown = budgets.prefix(page.size).map { $0.rolled(to: time) }
    return Page(
      items: shown,
      next: budgets.count > page.size ? shown.last.map { PageCursor(microseconds: 0, id: $0.id.uuid) } : nil)
  }

  package func budgets(of owner: Owner, at time: Date) async throws(StorageFailure) -> [Budget] {
    try await database.fetch(
      in: owner.organizationID,
      """
      SELECT * FROM budgets
      WHERE organization_id = \(owner.organizationID) AND (user_id IS NULL OR user_id = \(owner.userID))
      ORDER BY user_id NULLS FIRST
      """, Budget.init(row:)
    ).map { $0.rolled(to: time) }
  }

  package func set(
    _ limit: Int, for user: UserID?, id: BudgetID, entry: AuditEntry
  ) async throws(StorageFailure) -> Budget {
    let (organization, time) = (entry.organizationID, entry.occurredAt)
    return try await database.write(in: organization) { transaction in
      if let user {
        let isThere = try await transaction.first(
          "SELECT id FROM users WHERE id = \(user) AND organization_id = \(organization)")
        guard isThere != nil else { throw StorageFailure.notFound }
      }
      // Two that make the same budget take turns.
      try await transaction.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(\("opentier budget \((user ?? UserID(organization.uuid)))"), 0))"
      )
      let known = try await transaction.first(
        """
        SELECT * FROM budgets WHERE organization_id = \(organization) AND user_id IS NOT DISTINCT FROM \(user) FOR UPDATE
        """
      ).map(Budget.init(row:))
      var budget =
        known
        ?? Budget(id: id, organizationID: organization, userID: user, limit: limit, period: BudgetPeriod(time))
      if known == nil {
        budget.spent = try await transaction.costs("usage_events", "occurred_at", of: budget)
        budget.reserved = try await transaction.costs("usage_reservations", "started_at", of: budget)
      }
      budget.roll(to: time)
      budget.limit = limit
      budget.alerted = 0
      try await transaction.execute([budget.storing, try entry.about(budget.id).insertion()])
      return budget
    }
  }

  package func override(
    _ id: BudgetID, with override: BudgetOverride?, entry: AuditEntry
  ) async throws(StorageFailure) -> Budget {
    try await database.write(in: entry.organizationID) { transaction in
      let found = try await transaction.first("SELECT * FROM budgets WHERE id = \(id) FOR UPDATE")
      guard var budget = try found.map(Budget.init(row:)) else { throw StorageFailure.notFound }
      budget.roll(to: entry.occurredAt)
      budget.override = override
      try await transaction.execute([budget.storing, try entry.about(id).insertion()])
      return budget
    }
  }

  package func delete(_ id: BudgetID, entry: AuditEntry) async throws(StorageFailure) {
    try await database.write(in: entry.organizationID) { transaction in
      guard try await transaction.first("DELETE FROM budgets WHERE id = \(id) RETURNING id") != nil else {
        throw StorageFailure.notFound
      }
      try await transaction.execute(try entry.about(id).insertion())
    }
  }

  package func auditEntries(
    in organization: OrganizationID, page: PageRequest
  ) async throws(StorageFailure) -> Page<AuditEntry> {
    try await database.page(
      in: organization, "SELECT * FROM audit_log", where: ["organization_id = \(organization)"], time: "occurred_at",
      page, AuditEntry.init(row:))
  }
}

extension PostgresTransaction {
  /// What calls of a budget's month cost together, by one of the two tables that tell.
  fileprivate func costs(_ table: String, _ time: String, of budget: Budget) async throws -> Int {
    var condition: SQL = """
      organization_id = \(budget.organizationID) AND \(raw: time) >= \(budget.period.start)
        AND \(raw: time) < \(budget.period.end)
      """
    if let user = budget.userID { condition += " AND user_id = \(user)" }
    return try await first(
      "SELECT coalesce(sum(cost_micros), 0)::bigint AS cost FROM \(raw: table) WHERE \(condition)"
    ).map { try $0.value("cost") } ?? 0
  }
}
