package import Application
package import Domain
package import FoundationEssentials
import GRDB

/// Budgets in SQLite.
package struct SQLiteBudgetRepository: BudgetRepository {
  private let database: SQLiteDatabase
  private let journal: UsageJournal

  /// Keeps the budgets of `database`.
  ///
  /// - Parameter journal: what calls have reserved and used that the file may not have yet.
  init(_ database: SQLiteDatabase, _ journal: UsageJournal) {
    self.database = database
    self.journal = journal
  }

  package func budgets(
    in organization: OrganizationID, at time: Date, page: PageRequest
  ) async throws(StorageFailure) -> Page<Budget> {
    try await database.read { db in
      let rows = try Row.fetchAll(
        db,
        cached: """
          SELECT * FROM budgets WHERE organization_id = ? AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?
          """, arguments: [organization.sql, page.after?.id, page.after?.id, page.size + 1])
      let budgets = try rows.prefix(page.size).map { try Budget(row: $0).rolled(to: time) }
      return Page(
        items: budgets,
        next: rows.count > page.size ? budgets.last.map { PageCursor(microseconds: 0, id: $0.id.uuid) } : nil)
    }
  }

  package func budgets(of owner: Owner, at time: Date) async throws(StorageFailure) -> [Budget] {
    try await database.read { db in try db.budgets(of: owner).map { $0.rolled(to: time) } }
  }

  package func set(
    _ limit: Int, for user: UserID?, id: BudgetID, entry: AuditEntry
  ) async throws(StorageFailure) -> Budget {
    let (organization, time) = (entry.organizationID, entry.occurredAt)
    // Calls from now on ask the file, also those that are admitted while it is written.
    defer { journal.forgetBudgets() }
    return try await database.write { [journal] db in
      try journal.write(to: db, all: true)
      if let user {
        let isThere = try Row.fetchOne(
          db, cached: "SELECT 1 FROM users WHERE id = ? AND organization_id = ?",
          arguments: [user.sql, organization.sql])
        guard isThere != nil else { throw StorageFailure.notFound }
      }
      let known = try Row.fetchOne(
        db, cached: "SELECT * FROM budgets WHERE organization_id = ? AND user_id IS ?",
        arguments: [organization.sql, user.sql]
      ).map(Budget.init(row:))
      var budget =
        known
        ?? Budget(id: id, organizationID: organization, userID: user, limit: limit, period: BudgetPeriod(time))
      if known == nil {
        budget.spent = try db.costs("usage_events", "occurred_at", of: budget)
        budget.reserved = try db.costs("usage_reservations", "started_at", of: budget)
      }
      budget.roll(to: time)
      budget.limit = limit
      budget.alerted = 0
      try db.store(budget)
      try db.insert(entry.about(budget.id))
      return budget
    }
  }

  package func override(
    _ id: BudgetID, with override: BudgetOverride?, entry: AuditEntry
  ) async throws(StorageFailure) -> Budget {
    try await database.write { db in
      guard var budget = try db.budget(id, in: entry.organizationID) else { throw StorageFailure.notFound }
      budget.roll(to: entry.occurredAt)
      budget.override = override
      try db.store(budget)
      try db.insert(entry.about(id))
      return budget
    }
  }

  package func delete(_ id: BudgetID, entry: AuditEntry) async throws(StorageFailure) {
    try await database.write { db in
      try db.execute(
        cached: "DELETE FROM budgets WHERE id = ? AND organization_id = ?",
        arguments: [id.sql, entry.organizationID.sql])
      guard db.changesCount == 1 else { throw StorageFailure.notFound }
      try db.insert(entry.about(id))
    }
  }

  package func auditEntries(
    in organization: OrganizationID, page: PageRequest
  ) async throws(StorageFailure) -> Page<AuditEntry> {
    try await database.read { db in
      try Page.fetch(
        db, select: "SELECT * FROM audit_log", where: [("organization_id = ?", [organization.sql])],
        time: "occurred_at",
        page: page, read: AuditEntry.init(row:))
    }
  }
}

extension Database {
  /// What calls of a budget's month cost together, by one of the two tables that tell.
  fileprivate func costs(_ table: String, _ time: String, of budget: Budget) throws -> Int {
    try Int.fetchOne(
      self,
      cached: """
        SELECT coalesce(sum(cost_micros), 0) FROM \(table)
        WHERE organization_id = ? AND \(time) >= ? AND \(time) < ? AND (? IS NULL OR user_id = ?)
        """,
      arguments: [
        budget.organizationID.sql, budget.period.start.sql, budget.period.end.sql, budget.userID.sql, budget.userID.sql,
      ]) ?? 0
  }
}
