import Application
import Domain
import FoundationEssentials
import GRDB

extension Database {
  /// The counter of a subject, as stored; `nil` where nothing was counted yet.
  func usageCounter(_ scope: UsageScope, _ subject: UUID, in organization: OrganizationID) throws -> UsageCounter? {
    try Row.fetchOne(
      self,
      cached: """
        SELECT accounted, day, tokens, first_day_requests FROM usage_counters
        WHERE organization_id = ? AND scope = ? AND subject_id = ?
        """, arguments: [organization.sql, scope.rawValue, subject]
    ).map { row in
      var counter = UsageCounter()
      counter.accounted = try row.value("accounted")
      counter.day = UsageDay(number: try row.value("day"))
      counter.tokens = try row.value("tokens")
      counter.firstDayRequests = try row.value("first_day_requests")
      return counter
    }
  }

  /// Writes a counter.
  func store(
    _ counter: UsageCounter, _ scope: UsageScope, _ subject: UUID, in organization: OrganizationID
  ) throws {
    try execute(
      cached: """
        INSERT OR REPLACE INTO usage_counters
          (organization_id, scope, subject_id, accounted, day, tokens, first_day_requests)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        organization.sql, scope.rawValue, subject, counter.accounted, counter.day.number, counter.tokens,
        counter.firstDayRequests,
      ])
  }

  /// The budgets that somebody's calls count for: the organisation's, then their own.
  func budgets(of owner: Owner) throws -> [Budget] {
    try Row.fetchAll(
      self,
      cached: """
        SELECT * FROM budgets WHERE organization_id = ? AND (user_id IS NULL OR user_id = ?) ORDER BY user_id NULLS FIRST
        """, arguments: [owner.organizationID.sql, owner.userID.sql]
    ).map(Budget.init(row:))
  }

  /// A tenant's budget.
  func budget(_ id: BudgetID, in organization: OrganizationID) throws -> Budget? {
    try Row.fetchOne(
      self, cached: "SELECT * FROM budgets WHERE id = ? AND organization_id = ?", arguments: [id.sql, organization.sql]
    ).map(Budget.init(row:))
  }

  /// Writes a budget, new or changed.
  func store(_ budget: Budget) throws {
    try execute(
      cached: """
        INSERT OR REPLACE INTO budgets (id, organization_id, user_id, limit_micros, period_start, spent_micros,
          reserved_micros, alerted_percent, override_expires_at, override_reason, override_by)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        budget.id.sql, budget.organizationID.sql, budget.userID.sql, budget.limit, budget.period.start.sql,
        budget.spent, budget.reserved, budget.alerted, (budget.override?.expiresAt).sql,
        (budget.override?.reason).sql, (budget.override?.actor).sql,
      ])
  }

  /// Corrects the counters that a call counts for.
  func correctCounters(
    _ subject: (UsageScope) -> UUID?, of owner: Owner, by tokens: Int, on day: UsageDay
  ) throws {
    for scope in UsageScope.allCases {
      guard let subject = subject(scope),
        var counter = try usageCounter(scope, subject, in: owner.organizationID)
      else { continue }
      counter.correct(by: tokens, on: day)
      try store(counter, scope, subject, in: owner.organizationID)
    }
  }

  /// Writes a reservation.
  func insert(_ call: MeteredCall) throws {
    try execute(
      cached: """
        INSERT INTO usage_reservations (id, organization_id, user_id, api_key_id, kind, model, is_stream, tokens,
          cost_micros, started_at, expires_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        call.id.sql, call.owner.organizationID.sql, call.owner.userID.sql, call.apiKeyID.sql, call.kind.rawValue,
        call.model.sql, call.kind.isStream, call.tokens, call.cost, call.startedAt.sql, call.expiresAt.sql,
      ])
  }

  /// Writes what a call used, new or corrected.
  func insert(_ record: UsageRecord) throws {
    try execute(
      cached: """
        INSERT OR REPLACE INTO usage_events (id, organization_id, user_id, api_key_id, kind, model, prompt_tokens,
          completion_tokens, cost_micros, outcome, occurred_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        record.id.sql, record.owner.organizationID.sql, record.owner.userID.sql, record.apiKeyID.sql,
        record.kind.rawValue, record.model.sql, record.usage.promptTokens, record.usage.completionTokens, record.cost,
        record.outcome.rawValue, record.startedAt.sql,
      ])
  }

  /// Writes an entry of the audit log.
  func insert(_ entry: AuditEntry) throws {
    try execute(
      cached: """
        INSERT INTO audit_log (id, organization_id, actor_id, action, subject_id, details, occurred_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        entry.id.sql, entry.organizationID.sql, entry.actorID.sql, entry.action.rawValue, entry.subjectID,
        try entry.details.json(), entry.occurredAt.sql,
      ])
  }
}

extension Budget {
  /// Reads a row of `budgets`.
  init(row: Row) throws {
    var override: BudgetOverride?
    if let end = try row.optionalTime("override_expires_at") {
      override = BudgetOverride(
        expiresAt: end, reason: try row.value("override_reason"), actor: try row.id("override_by"))
    }
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"), userID: try row.optionalID("user_id"),
      limit: try row.value("limit_micros"), period: BudgetPeriod(try row.time("period_start")),
      spent: try row.value("spent_micros"), reserved: try row.value("reserved_micros"),
      alerted: try row.value("alerted_percent"), override: override)
  }
}

extension MeteredCall {
  /// Reads a row of `usage_reservations`.
  init(row: Row) throws {
    self.init(
      id: try row.id("id"), owner: Owner(organizationID: try row.id("organization_id"), userID: try row.id("user_id")),
      apiKeyID: try row.optionalID("api_key_id"), isExemptFromFirstDay: false, kind: try row.enumeration("kind"),
      model: try row.optional("model"), tokens: try row.value("tokens"), cost: try row.value("cost_micros"),
      startedAt: try row.time("started_at"), expiresAt: try row.time("expires_at"))
  }
}

extension UsageRecord {
  /// Reads a row of `usage_events`.
  init(row: Row) throws {
    self.init(
      id: try row.id("id"), owner: Owner(organizationID: try row.id("organization_id"), userID: try row.id("user_id")),
      apiKeyID: try row.optionalID("api_key_id"), kind: try row.enumeration("kind"),
      model: try row.optional("model"),
      usage: TokenUsage(
        promptTokens: try row.value("prompt_tokens"), completionTokens: try row.value("completion_tokens")),
      cost: try row.value("cost_micros"), outcome: try row.enumeration("outcome"),
      startedAt: try row.time("occurred_at"))
  }
}

extension UsageTotals {
  /// The columns of totals over rows of `usage_events`.
  static let columns = """
    count(*) AS requests, coalesce(sum(prompt_tokens), 0) AS prompt, coalesce(sum(completion_tokens), 0) AS completion,
    coalesce(sum(cost_micros), 0) AS cost
    """

  /// Reads them.
  init(row: Row) throws {
    self.init(
      requests: try row.value("requests"), promptTokens: try row.value("prompt"),
      completionTokens: try row.value("completion"), cost: try row.value("cost"))
  }
}

extension AuditEntry {
  /// Reads a row of `audit_log`.
  init(row: Row) throws {
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"), actorID: try row.id("actor_id"),
      action: try row.enumeration("action"), subjectID: try row.value("subject_id"), details: try row.json("details"),
      occurredAt: try row.time("occurred_at"))
  }
}
