package import Application
package import Domain
package import FoundationEssentials

/// What calls have used, in PostgreSQL, where all replicas count together.
package struct PostgresUsageLedger: UsageLedger {
  private let database: PostgresDatabase

  /// Counts in `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func reserve(
    _ call: MeteredCall, limits: UsageLimits, rules: BudgetRules
  ) async throws(StorageFailure) -> UsageRefusal? {
    let owner = call.owner
    let all = UsageScope.allCases.map { limits[$0] }
    let firstDay = call.isExemptFromFirstDay ? 0 : limits.firstDayRequests ?? 0
    let rows = try await database.query(
      in: owner.organizationID,
      // The rows of many calls of a tenant wait for each other, and nobody should wait for the disk with them: a reservation
      // that the crash of the server's machine takes back is corrected when its call is settled.
      settings: [("synchronous_commit", "off")],
      """
      SELECT * FROM reserve_usage(\(call.id), \(owner.organizationID), \(owner.userID), \(call.apiKeyID),
        \(call.kind.rawValue), \(call.model), \(call.kind.isStream), \(call.tokens), \(call.cost), \(call.startedAt),
        \(call.expiresAt), \(all.map { $0.rate?.perMinute ?? 0 }), \(all.map { $0.rate?.burst ?? 0 }),
        \(all.map { $0.concurrentStreams ?? 0 }), \(all.map { $0.tokensPerDay ?? 0 }), \(firstDay), \(rules.stop))
      """)
    do { return try rows.first.map(UsageRefusal.init(row:)) } catch { throw StorageFailure(error) }
  }

  @discardableResult
  package func settle(_ record: UsageRecord, rules: BudgetRules) async throws(StorageFailure) -> [BudgetAlert] {
    let owner = record.owner
    return try await database.write(in: owner.organizationID) { transaction in
      let call = try await transaction.takeReservation(record.id, of: owner)
      var earlier: UsageRecord?
      if call == nil {
        earlier = try await transaction.first("SELECT * FROM usage_events WHERE id = \(record.id) FOR UPDATE")
          .map(UsageRecord.init(row:))
      }
      let settlement = UsageSettlement(
        of: record, reservation: call.map { ($0.tokens, $0.cost) }, earlier: earlier)
      guard let settlement, try await transaction.first(record.insertion(replacing: earlier != nil)) != nil else {
        // It is settled, here or by somebody in this moment.
        return []
      }
      try await transaction.execute(
        Self.corrections(of: record.subject, owner, by: settlement.tokens, on: UsageDay(record.startedAt)))
      var alerts: [BudgetAlert] = []
      var statements: [SQL] = []
      for var budget in try await transaction.lockedBudgets(of: owner) {
        let crossed = budget.settle(
          released: settlement.released, cost: settlement.cost, startedAt: record.startedAt, rules: rules)
        statements.append(budget.storing)
        alerts += crossed.map { BudgetAlert(budget: budget, percent: $0) }
      }
      for alert in alerts { statements.append(try DomainEvent.reached(alert, at: record.startedAt).insertion()) }
      if !statements.isEmpty { try await transaction.execute(statements) }
      return alerts
    }
  }

  package func release(_ id: UsageCallID, of owner: Owner) async throws(StorageFailure) {
    try await database.write(in: owner.organizationID) { transaction in
      guard let call = try await transaction.takeReservation(id, of: owner) else { return }
      let refund: SQL = """
        UPDATE usage_counters SET first_day_requests = greatest(0, first_day_requests - 1)
        WHERE organization_id = \(owner.organizationID) AND scope = \(Int16(UsageScope.user.number))
          AND subject_id = \(owner.userID)
        """
      try await transaction.execute(
        Self.corrections(of: call.subject, owner, by: -call.tokens, on: UsageDay(call.startedAt)) + [refund])
      guard call.cost > 0 else { return }
      let start = BudgetPeriod(call.startedAt).start
      for budget in try await transaction.lockedBudgets(of: owner) where budget.period.start == start {
        var budget = budget
        budget.reserved = max(0, budget.reserved - call.cost)
        try await transaction.execute(budget.storing)
      }
    }
  }

  package func extend(_ ids: [UsageCallID], until time: Date) async throws(StorageFailure) {
    guard !ids.isEmpty else { return }
    _ = try await database.query(
      in: nil, settings: [("synchronous_commit", "off")], "SELECT extend_reservations(\(ids), \(time))")
  }

  package func expired(at time: Date, limit: Int) async throws(StorageFailure) -> [MeteredCall] {
    try await database.fetch(
      in: nil, "SELECT * FROM expired_reservations(\(time), \(Int32(clamping: max(0, limit))))", MeteredCall.init(row:))
  }

  package func report(_ query: UsageQuery) async throws(StorageFailure) -> UsageReport {
    var condition: SQL = """
      WHERE e.organization_id = \(query.organizationID) AND e.occurred_at >= \(query.first.start)
        AND e.occurred_at < \(query.last.next.start)
      """
    if let user = query.userID { condition += " AND e.user_id = \(user)" }
    let order: SQL = "ORDER BY cost DESC, prompt + completion DESC, requests DESC"
    return try await database.read(in: query.organizationID) { [condition] transaction in
      let total = try await transaction.first("SELECT \(UsageTotals.columns) FROM usage_events AS e \(condition)")
      let days = try await transaction.rows(
        """
        SELECT (e.occurred_at AT TIME ZONE 'UTC')::date - date '1970-01-01' AS day, \(UsageTotals.columns)
        FROM usage_events AS e \(condition) GROUP BY day ORDER BY day
        """)
      let models = try await transaction.rows(
        """
        SELECT * FROM (
          SELECT e.model, \(UsageTotals.columns) FROM usage_events AS e \(condition) GROUP BY e.model
        ) AS t \(order), model COLLATE "C" NULLS FIRST LIMIT \(UsageReport.maximumModels)
        """)
      let users = try await transaction.rows(
        """
        SELECT t.*, u.email FROM (
          SELECT e.user_id, \(UsageTotals.columns) FROM usage_events AS e \(condition) GROUP BY e.user_id
        ) AS t LEFT JOIN users AS u ON u.id = t.user_id
        \(order), t.user_id LIMIT \(query.maximumUsers + 1) OFFSET \(query.usersAfter)
        """)
      return UsageReport(
        total: try total.map(UsageTotals.init(row:)) ?? UsageTotals(),
        days: try days.map {
          (UsageDay(number: try $0.value("day")), try UsageTotals(row: $0))
        },
        models: try models.map { (try $0.optional("model"), try UsageTotals(row: $0)) },
        users: try users.prefix(query.maximumUsers).map { row in
          UsageReport.UserShare(
            userID: try row.id("user_id"), email: try row.optional("email"), totals: try UsageTotals(row: row))
        }, nextUser: users.count > query.maximumUsers ? query.usersAfter + query.maximumUsers : nil)
    }
  }

  /// The statements that correct the counters which a call counts for, in the order in which they are locked.
  private static func corrections(
    of subject: (UsageScope) -> UUID?, _ owner: Owner, by tokens: Int, on day: UsageDay
  ) -> [SQL] {
    UsageScope.allCases.compactMap { scope in
      subject(scope).map { subject in
        """
        UPDATE usage_counters SET tokens = greatest(0, tokens + \(tokens))
        WHERE organization_id = \(owner.organizationID) AND scope = \(Int16(scope.number)) AND subject_id = \(subject)
          AND day = \(Int32(clamping: day.number))
        """
      }
    }
  }
}

extension PostgresTransaction {
  /// Removes an open reservation and answers with it.
  fileprivate func takeReservation(_ id: UsageCallID, of owner: Owner) async throws -> MeteredCall? {
    try await first("DELETE FROM usage_reservations WHERE id = \(id) AND user_id = \(owner.userID) RETURNING *")
      .map(MeteredCall.init(row:))
  }

  /// The budgets that somebody's calls count for, the organisation's first, until the transaction ends.
  fileprivate func lockedBudgets(of owner: Owner) async throws -> [Budget] {
    try await rows(
      """
      SELECT * FROM budgets
      WHERE organization_id = \(owner.organizationID) AND (user_id IS NULL OR user_id = \(owner.userID))
      ORDER BY user_id NULLS FIRST FOR UPDATE
      """
    ).map(Budget.init(row:))
  }
}
