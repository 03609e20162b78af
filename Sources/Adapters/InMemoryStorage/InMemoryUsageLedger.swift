package import Application
package import Domain
package import FoundationEssentials

/// What calls have used, in memory.
package struct InMemoryUsageLedger: UsageLedger {
  private let store: InMemoryStore

  /// Counts in `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func reserve(
    _ call: MeteredCall, limits: UsageLimits, rules: BudgetRules
  ) async throws(StorageFailure) -> UsageRefusal? {
    try store.access { state throws(StorageFailure) in
      guard state.meteredCalls[call.id] == nil else { throw .conflict("call") }
      let time = call.startedAt
      let firstDay = state.firstDay(of: call, limits)
      var counted: [(key: UsageCounterKey, limits: ScopeLimits, isNew: Bool)] = []
      for scope in UsageScope.allCases {
        guard let subject = call.subject(scope) else { continue }
        let isNew = scope == .user && firstDay != nil
        guard limits[scope].isLimited || isNew else { continue }
        let key = UsageCounterKey(organizationID: call.owner.organizationID, scope: scope, subject: subject)
        counted.append((key, limits[scope], isNew))
        let counter = state.usageCounters[key] ?? UsageCounter()
        let refusal = counter.refusal(
          of: call.demand, scope: scope, limits: limits[scope],
          openStreams: state.openStreams(scope, subject, at: time), firstDay: isNew ? firstDay : nil, at: time)
        if let refusal { return refusal }
      }
      var budgets = state.budgets(of: call.owner)
      for index in budgets.indices {
        budgets[index].roll(to: time)
        if let refusal = budgets[index].refusal(of: call.cost, rules: rules, at: time) { return refusal }
        budgets[index].reserved += call.cost
      }
      for (key, limits, isNew) in counted {
        state.usageCounters[key, default: UsageCounter()].count(
          call.demand, limits: limits, isOnFirstDay: isNew, at: time)
      }
      guard call.holdsAnything, !counted.isEmpty || !budgets.isEmpty else { return nil }
      for budget in budgets { state.budgets[budget.id] = budget }
      state.meteredCalls[call.id] = call
      return nil
    }
  }

  @discardableResult
  package func settle(_ record: UsageRecord, rules: BudgetRules) async throws(StorageFailure) -> [BudgetAlert] {
    try store.access { state in
      let call = state.meteredCalls[record.id].flatMap { $0.owner == record.owner ? $0 : nil }
      let settlement = UsageSettlement(
        of: record, reservation: call.map { ($0.tokens, $0.cost) }, earlier: state.usageRecords[record.id])
      guard let settlement else { return [] }
      if call != nil { state.meteredCalls[record.id] = nil }
      state.usageRecords[record.id] = record
      state.correct(record.subject, of: record.owner, by: settlement.tokens, on: UsageDay(record.startedAt))
      var alerts: [BudgetAlert] = []
      for var budget in state.budgets(of: record.owner) {
        let crossed = budget.settle(
          released: settlement.released, cost: settlement.cost, startedAt: record.startedAt, rules: rules)
        state.budgets[budget.id] = budget
        alerts += crossed.map { BudgetAlert(budget: budget, percent: $0) }
      }
      for alert in alerts { state.record(.reached(alert, at: record.startedAt)) }
      return alerts
    }
  }

  package func release(_ id: UsageCallID, of owner: Owner) async throws(StorageFailure) {
    try store.access { state in
      guard let call = state.meteredCalls[id], call.owner == owner else { return }
      state.meteredCalls[id] = nil
      state.correct(call.subject, of: owner, by: -call.tokens, on: UsageDay(call.startedAt))
      let user = UsageCounterKey(
        organizationID: owner.organizationID, scope: .user, subject: owner.userID.uuid)
      if let count = state.usageCounters[user]?.firstDayRequests, count > 0 {
        state.usageCounters[user]?.firstDayRequests = count - 1
      }
      for var budget in state.budgets(of: owner) where budget.period == BudgetPeriod(call.startedAt) {
        budget.reserved = max(0, budget.reserved - call.cost)
        state.budgets[budget.id] = budget
      }
    }
  }

  package func extend(_ ids: [UsageCallID], until time: Date) async throws(StorageFailure) {
    try store.access { state in
      for id in ids {
        if let call = state.meteredCalls[id] { state.meteredCalls[id] = call.extended(until: time) }
      }
    }
  }

  package func expired(at time: Date, limit: Int) async throws(StorageFailure) -> [MeteredCall] {
    try store.access { state in
      let calls = state.meteredCalls.values.filter { $0.expiresAt <= time }
      return Array(calls.sorted { ($0.expiresAt, $0.id) < ($1.expiresAt, $1.id) }.prefix(max(0, limit)))
    }
  }

  package func report(_ query: UsageQuery) async throws(StorageFailure) -> UsageReport {
    try store.access { state in
      let records = state.usageRecords.values.filter { record in
        record.owner.organizationID == query.organizationID
          && query.userID.map { $0 == record.owner.userID } ?? true
          && (query.first...query.last).contains(UsageDay(record.startedAt))
      }
      let total = records.reduce(into: UsageTotals()) { $0.add($1) }
      let days = Dictionary(grouping: records) { UsageDay($0.startedAt) }.mapValues(UsageTotals.init(of:))
      let models = Dictionary(grouping: records, by: \.model).mapValues(UsageTotals.init(of:))
        .sorted { UsageTotals.comes(($0.value, $0.key ?? ""), before: ($1.value, $1.key ?? "")) }
      let users = Dictionary(grouping: records, by: \.owner.userID).mapValues(UsageTotals.init(of:))
        .sorted { UsageTotals.comes(($0.value, $0.key), before: ($1.value, $1.key)) }
      let end = query.usersAfter + query.maximumUsers
      return UsageReport(
        total: total, days: days.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
        models: models.prefix(UsageReport.maximumModels).map { ($0.key, $0.value) },
        users: users.dropFirst(query.usersAfter).prefix(query.maximumUsers).map { user, totals in
          UsageReport.UserShare(
            userID: user, email: state.users[user]?.user.email.text, totals: totals)
        }, nextUser: users.count > end ? end : nil)
    }
  }
}

extension UsageTotals {
  fileprivate init(of records: [UsageRecord]) { self = records.reduce(into: UsageTotals()) { $0.add($1) } }

  /// Dear before cheap, then much before little, then in the order of their names.
  fileprivate static func comes<Name: Comparable>(
    _ left: (UsageTotals, Name), before right: (UsageTotals, Name)
  ) -> Bool {
    let tokens = { (totals: UsageTotals) in totals.promptTokens + totals.completionTokens }
    return (right.0.cost, tokens(right.0), right.0.requests, left.1)
      < (left.0.cost, tokens(left.0), left.0.requests, right.1)
  }
}

extension StoreState {
  /// The budgets that somebody's calls count for: the organisation's, then their own.
  func budgets(of owner: Owner) -> [Budget] {
    budgets.values.filter {
      $0.organizationID == owner.organizationID && ($0.userID == nil || $0.userID == owner.userID)
    }.sorted { $0.userID == nil && $1.userID != nil }
  }

  /// When the first day of a caller's account ends; `nil` where that does not matter.
  fileprivate func firstDay(of call: MeteredCall, _ limits: UsageLimits) -> (ends: Date, requests: Int)? {
    guard let requests = limits.firstDayRequests, !call.isExemptFromFirstDay,
      let user = users[call.owner.userID]?.user, user.organizationID == call.owner.organizationID
    else { return nil }
    let end = user.createdAt.addingTimeInterval(UsageLimits.firstDay)
    return end > call.startedAt ? (end, requests) : nil
  }

  fileprivate func openStreams(_ scope: UsageScope, _ subject: UUID, at time: Date) -> Int {
    meteredCalls.values.count { $0.kind.isStream && $0.subject(scope) == subject && $0.expiresAt > time }
  }

  fileprivate mutating func correct(
    _ subject: (UsageScope) -> UUID?, of owner: Owner, by tokens: Int, on day: UsageDay
  ) {
    for scope in UsageScope.allCases {
      guard let subject = subject(scope) else { continue }
      let key = UsageCounterKey(organizationID: owner.organizationID, scope: scope, subject: subject)
      usageCounters[key]?.correct(by: tokens, on: day)
    }
  }
}
