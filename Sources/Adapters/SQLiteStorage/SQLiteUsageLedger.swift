package import Application
package import Domain
package import FoundationEssentials
import GRDB

/// What calls have used, in SQLite.
package struct SQLiteUsageLedger: UsageLedger {
  private let database: SQLiteDatabase

  /// Counts in `database`.
  package init(_ database: SQLiteDatabase) { self.database = database }

  package func reserve(
    _ call: MeteredCall, limits: UsageLimits, rules: BudgetRules
  ) async throws(StorageFailure) -> UsageRefusal? {
    // On a laptop there is often nothing that limits: then nobody waits for the disk.
    let isLimited = UsageScope.allCases.contains { limits[$0].isLimited } || limits.firstDayRequests != nil
    if !isLimited {
      let hasBudget = try database.lookUp { db in try !db.budgets(of: call.owner).isEmpty }
      if !hasBudget { return nil }
    }
    return try await database.write { db in try db.reserve(call, limits: limits, rules: rules) }
  }

  @discardableResult
  package func settle(_ record: UsageRecord, rules: BudgetRules) async throws(StorageFailure) -> [BudgetAlert] {
    try await database.write { db in
      let owner = record.owner
      let call = try db.takeReservation(record.id, of: owner)
      let earlier = try Row.fetchOne(
        db, cached: "SELECT * FROM usage_events WHERE id = ? AND organization_id = ?",
        arguments: [record.id.sql, owner.organizationID.sql]
      ).map(UsageRecord.init(row:))
      let settlement = UsageSettlement(
        of: record, reservation: call.map { ($0.tokens, $0.cost) }, earlier: earlier)
      guard let settlement else { return [] }
      try db.execute(
        cached: """
          INSERT OR REPLACE INTO usage_events (id, organization_id, user_id, api_key_id, kind, model, prompt_tokens,
            completion_tokens, cost_micros, outcome, occurred_at)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          record.id.sql, owner.organizationID.sql, owner.userID.sql, record.apiKeyID.sql, record.kind.rawValue,
          record.model.sql, record.usage.promptTokens, record.usage.completionTokens, record.cost,
          record.outcome.rawValue, record.startedAt.sql,
        ])
      try db.correctCounters(record.subject, of: owner, by: settlement.tokens, on: UsageDay(record.startedAt))
      var alerts: [BudgetAlert] = []
      for var budget in try db.budgets(of: owner) {
        let crossed = budget.settle(
          released: settlement.released, cost: settlement.cost, startedAt: record.startedAt, rules: rules)
        try db.store(budget)
        alerts += crossed.map { BudgetAlert(budget: budget, percent: $0) }
      }
      for alert in alerts { try db.record(.reached(alert, at: record.startedAt)) }
      return alerts
    }
  }

  package func release(_ id: UsageCallID, of owner: Owner) async throws(StorageFailure) {
    try await database.write { db in
      guard let call = try db.takeReservation(id, of: owner) else { return }
      let day = UsageDay(call.startedAt)
      try db.correctCounters(call.subject, of: owner, by: -call.tokens, on: day)
      try db.execute(
        cached: """
          UPDATE usage_counters SET first_day_requests = max(0, first_day_requests - 1)
          WHERE organization_id = ? AND scope = ? AND subject_id = ?
          """, arguments: [owner.organizationID.sql, UsageScope.user.rawValue, owner.userID.sql])
      for var budget in try db.budgets(of: owner) where budget.period == BudgetPeriod(call.startedAt) {
        budget.reserved = max(0, budget.reserved - call.cost)
        try db.store(budget)
      }
    }
  }

  package func extend(_ ids: [UsageCallID], until time: Date) async throws(StorageFailure) {
    guard !ids.isEmpty else { return }
    try await database.write { db in
      let statement = try db.cachedStatement(sql: "UPDATE usage_reservations SET expires_at = ? WHERE id = ?")
      for id in ids { try statement.execute(arguments: [time.sql, id.sql]) }
    }
  }

  package func expired(at time: Date, limit: Int) async throws(StorageFailure) -> [MeteredCall] {
    try await database.read { db in
      try Row.fetchAll(
        db, cached: "SELECT * FROM usage_reservations WHERE expires_at <= ? ORDER BY expires_at, id LIMIT ?",
        arguments: [time.sql, max(0, limit)]
      ).map(MeteredCall.init(row:))
    }
  }

  package func report(_ query: UsageQuery) async throws(StorageFailure) -> UsageReport {
    let order = "ORDER BY cost DESC, prompt + completion DESC, requests DESC"
    return try await database.read { db in
      let select = { (key: String) in "SELECT \(key)\(UsageTotals.columns) FROM usage_events AS e" }
      var condition = "WHERE e.organization_id = ? AND e.occurred_at >= ? AND e.occurred_at < ?"
      var arguments: [DatabaseValue] = [
        query.organizationID.sql, query.first.start.sql, query.last.next.start.sql,
      ]
      if let user = query.userID {
        condition += " AND e.user_id = ?"
        arguments.append(user.sql)
      }
      let given = StatementArguments(arguments)
      let total = try Row.fetchOne(db, sql: "\(select("")) \(condition)", arguments: given).map(UsageTotals.init(row:))
      let days = try Row.fetchAll(
        db, sql: "\(select("e.occurred_at / \(UsageDay.length) AS day, ")) \(condition) GROUP BY day ORDER BY day",
        arguments: given)
      let models = try Row.fetchAll(
        db,
        sql: """
          \(select("e.model AS model, ")) \(condition) GROUP BY e.model \(order), e.model
          LIMIT \(UsageReport.maximumModels)
          """, arguments: given)
      let users = try Row.fetchAll(
        db,
        sql: """
          SELECT t.*, u.email FROM (
            \(select("e.user_id AS user_id, ")) \(condition) GROUP BY e.user_id \(order), e.user_id
            LIMIT \(query.maximumUsers + 1) OFFSET \(query.usersAfter)
          ) AS t LEFT JOIN users AS u ON u.id = t.user_id \(order), t.user_id
          """, arguments: given)
      return UsageReport(
        total: total ?? UsageTotals(),
        days: try days.map { (UsageDay(number: try $0.value("day")), try UsageTotals(row: $0)) },
        models: try models.map { (try $0.optional("model"), try UsageTotals(row: $0)) },
        users: try users.prefix(query.maximumUsers).map { row in
          UsageReport.UserShare(
            userID: try row.id("user_id"), email: try row.optional("email"), totals: try UsageTotals(row: row))
        }, nextUser: users.count > query.maximumUsers ? query.usersAfter + query.maximumUsers : nil)
    }
  }
}

extension Database {
  /// Admits a call, or says what is in its way.
  fileprivate func reserve(_ call: MeteredCall, limits: UsageLimits, rules: BudgetRules) throws -> UsageRefusal? {
    let (owner, time) = (call.owner, call.startedAt)
    let firstDay = try firstDay(of: call, limits)
    var counted: [(scope: UsageScope, subject: UUID, counter: UsageCounter)] = []
    for scope in UsageScope.allCases {
      guard let subject = call.subject(scope) else { continue }
      let isNew = scope == .user && firstDay != nil
      guard limits[scope].isLimited || isNew else { continue }
      var counter = try usageCounter(scope, subject, in: owner.organizationID) ?? UsageCounter()
      let refusal = counter.refusal(
        of: call.demand, scope: scope, limits: limits[scope],
        openStreams: limits[scope].concurrentStreams == nil ? 0 : try openStreams(of: call, scope),
        firstDay: isNew ? firstDay : nil, at: time)
      if let refusal { return refusal }
      counter.count(call.demand, limits: limits[scope], isOnFirstDay: isNew, at: time)
      counted.append((scope, subject, counter))
    }
    var budgets = try budgets(of: owner)
    for index in budgets.indices {
      budgets[index].roll(to: time)
      if let refusal = budgets[index].refusal(of: call.cost, rules: rules, at: time) { return refusal }
      budgets[index].reserved += call.cost
    }
    for (scope, subject, counter) in counted { try store(counter, scope, subject, in: owner.organizationID) }
    guard call.holdsAnything, !counted.isEmpty || !budgets.isEmpty else { return nil }
    for budget in budgets { try store(budget) }
    try execute(
      cached: """
        INSERT INTO usage_reservations (id, organization_id, user_id, api_key_id, kind, model, is_stream, tokens,
          cost_micros, started_at, expires_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        call.id.sql, owner.organizationID.sql, owner.userID.sql, call.apiKeyID.sql, call.kind.rawValue, call.model.sql,
        call.kind.isStream, call.tokens, call.cost, time.sql, call.expiresAt.sql,
      ])
    return nil
  }

  /// When the first day of a caller's account ends; `nil` where that does not matter.
  private func firstDay(of call: MeteredCall, _ limits: UsageLimits) throws -> (ends: Date, requests: Int)? {
    guard let requests = limits.firstDayRequests, !call.isExemptFromFirstDay else { return nil }
    let row = try Row.fetchOne(
      self, cached: "SELECT created_at FROM users WHERE id = ? AND organization_id = ?",
      arguments: [call.owner.userID.sql, call.owner.organizationID.sql])
    guard let end = try row?.time("created_at").addingTimeInterval(UsageLimits.firstDay), end > call.startedAt else {
      return nil
    }
    return (end, requests)
  }

  private func openStreams(of call: MeteredCall, _ scope: UsageScope) throws -> Int {
    let condition =
      switch scope {
      case .organization: "organization_id = ?"
      case .user: "user_id = ?"
      case .apiKey: "api_key_id = ?"
      }
    return try Int.fetchOne(
      self,
      cached: """
        SELECT count(*) FROM usage_reservations
        WHERE organization_id = ? AND \(condition) AND is_stream AND expires_at > ?
        """, arguments: [call.owner.organizationID.sql, call.subject(scope), call.startedAt.sql]) ?? 0
  }

  /// Removes an open reservation and answers with it.
  fileprivate func takeReservation(_ id: UsageCallID, of owner: Owner) throws -> MeteredCall? {
    try Row.fetchOne(
      self, cached: "DELETE FROM usage_reservations WHERE id = ? AND organization_id = ? AND user_id = ? RETURNING *",
      arguments: [id.sql, owner.organizationID.sql, owner.userID.sql]
    ).map(MeteredCall.init(row:))
  }
}
