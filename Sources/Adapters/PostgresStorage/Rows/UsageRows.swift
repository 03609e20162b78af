import Application
import Domain
import FoundationEssentials

extension UsageScope {
  /// Its number in the database: the order in which counters are locked.
  var number: Int {
    switch self {
    case .organization: 1
    case .user: 2
    case .apiKey: 3
    }
  }
}

extension UsageRefusal {
  /// Reads a row of `reserve_usage`.
  init(row: PostgresRow) throws {
    let number = try row.value("refused_scope", as: Int.self)
    guard let scope = UsageScope.allCases.first(where: { $0.number == number }) else {
      throw UnreadableValue(column: "refused_scope")
    }
    self.init(
      limit: try row.enumeration("refused_limit"), scope: scope, maximum: try row.value("maximum"),
      wait: try row.optional("wait", as: Int64.self))
  }
}

extension MeteredCall {
  /// Reads a row of `usage_reservations`.
  init(row: PostgresRow) throws {
    self.init(
      id: try row.id("id"), owner: Owner(organizationID: try row.id("organization_id"), userID: try row.id("user_id")),
      apiKeyID: try row.optionalID("api_key_id"), isExemptFromFirstDay: false, kind: try row.enumeration("kind"),
      model: try row.optional("model"), tokens: try row.value("tokens"), cost: try row.value("cost_micros"),
      startedAt: try row.time("started_at"), expiresAt: try row.time("expires_at"))
  }
}

extension UsageRecord {
  /// Reads a row of `usage_events`.
  init(row: PostgresRow) throws {
    self.init(
      id: try row.id("id"), owner: Owner(organizationID: try row.id("organization_id"), userID: try row.id("user_id")),
      apiKeyID: try row.optionalID("api_key_id"), kind: try row.enumeration("kind"),
      model: try row.optional("model"),
      usage: TokenUsage(
        promptTokens: try row.value("prompt_tokens"), completionTokens: try row.value("completion_tokens")),
      cost: try row.value("cost_micros"), outcome: try row.enumeration("outcome"),
      startedAt: try row.time("occurred_at"))
  }

  /// The statement that writes it; a row comes back where it was written.
  func insertion(replacing isLapsed: Bool) -> SQL {
    let conflict: SQL =
      isLapsed
      ? """
      DO UPDATE SET kind = excluded.kind, model = excluded.model, prompt_tokens = excluded.prompt_tokens,
        completion_tokens = excluded.completion_tokens, cost_micros = excluded.cost_micros, outcome = excluded.outcome
        WHERE usage_events.outcome = 'lapsed'
      """ : "DO NOTHING"
    return """
      INSERT INTO usage_events (id, organization_id, user_id, api_key_id, kind, model, prompt_tokens, completion_tokens,
        cost_micros, outcome, occurred_at)
      VALUES (\(id), \(owner.organizationID), \(owner.userID), \(apiKeyID), \(kind.rawValue), \(model),
        \(usage.promptTokens), \(usage.completionTokens), \(cost), \(outcome.rawValue), \(startedAt))
      ON CONFLICT (id) \(conflict) RETURNING id
      """
  }
}

extension Budget {
  /// Reads a row of `budgets`.
  init(row: PostgresRow) throws {
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

  /// The statement that writes it, new or changed.
  var storing: SQL {
    """
    INSERT INTO budgets (id, organization_id, user_id, limit_micros, period_start, spent_micros, reserved_micros,
      alerted_percent, override_expires_at, override_reason, override_by)
    VALUES (\(id), \(organizationID), \(userID), \(limit), \(period.start), \(spent), \(reserved), \(Int32(alerted)),
      \(override?.expiresAt), \(override?.reason), \(override?.actor))
    ON CONFLICT (id) DO UPDATE SET limit_micros = excluded.limit_micros, period_start = excluded.period_start,
      spent_micros = excluded.spent_micros, reserved_micros = excluded.reserved_micros,
      alerted_percent = excluded.alerted_percent, override_expires_at = excluded.override_expires_at,
      override_reason = excluded.override_reason, override_by = excluded.override_by
    """
  }
}

extension UsageTotals {
  /// The columns of totals over rows of `usage_events`.
  static let columns: SQL = """
    count(*) AS requests, coalesce(sum(prompt_tokens), 0)::bigint AS prompt,
    coalesce(sum(completion_tokens), 0)::bigint AS completion, coalesce(sum(cost_micros), 0)::bigint AS cost
    """

  /// Reads them.
  init(row: PostgresRow) throws {
    self.init(
      requests: try row.value("requests"), promptTokens: try row.value("prompt"),
      completionTokens: try row.value("completion"), cost: try row.value("cost"))
  }
}

extension AuditEntry {
  /// Reads a row of `audit_log`.
  init(row: PostgresRow) throws {
    guard let actor = UserID(try row.value("actor_id", as: String.self)) else {
      throw UnreadableValue(column: "actor_id")
    }
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"), actorID: actor,
      action: try row.enumeration("action"), subjectID: try row.value("subject_id"), details: try row.json("details"),
      occurredAt: try row.time("occurred_at"))
  }

  /// The statement that writes it.
  func insertion() throws -> SQL {
    """
    INSERT INTO audit_log (id, organization_id, actor_id, action, subject_id, details, occurred_at)
    VALUES (\(id), \(organizationID), \(actorID.description), \(action.rawValue), \(subjectID), \(try JSONB(details)),
      \(occurredAt))
    """
  }
}
