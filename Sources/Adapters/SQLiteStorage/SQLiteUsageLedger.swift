package import Application
package import Domain
package import FoundationEssentials
import GRDB

/// What calls have used, in SQLite: counted in memory, and written behind (see ``UsageJournal``); where a budget counts, in
/// a transaction of its own.
package struct SQLiteUsageLedger: UsageLedger {
  private let database: SQLiteDatabase
  private let journal: UsageJournal

  /// Counts in `database`.
  package init(_ database: SQLiteDatabase) { self.init(database, UsageJournal()) }

  init(_ database: SQLiteDatabase, _ journal: UsageJournal) {
    self.database = database
    self.journal = journal
  }

  package func reserve(
    _ call: MeteredCall, limits: UsageLimits, rules: BudgetRules
  ) async throws(StorageFailure) -> UsageRefusal? {
    if try isWithoutBudget(call.owner) {
      try read(journal.missing(for: call, limits), for: call)
      if let answer = try journal.reserve(call, limits) {
        tend()
        return answer
      }
    }
    return try await inFile(call.subject, call.owner) { db in
      let refusal = try db.reserve(call, limits: limits, rules: rules)
      return (refusal, refusal == nil ? call : nil)
    }
  }

  @discardableResult
  package func settle(_ record: UsageRecord, rules: BudgetRules) async throws(StorageFailure) -> [BudgetAlert] {
    if try isWithoutBudget(record.owner), journal.settle(record) {
      tend()
      return []
    }
    let alerts = try await inFile(record.subject, record.owner) { db in
      (try db.settle(record, rules: rules), nil)
    }
    journal.forget(record.id)
    return alerts
  }

  package func release(_ id: UsageCallID, of owner: Owner) async throws(StorageFailure) {
    if try isWithoutBudget(owner), journal.release(id, of: owner) { return tend() }
    let released: MeteredCall? = try await inFile({ $0 == .user ? owner.userID.uuid : nil }, owner) { db in
      (try db.release(id, of: owner), nil)
    }
    if released != nil { journal.forget(id) }
  }

  package func extend(_ ids: [UsageCallID], until time: Date) async throws(StorageFailure) {
    let stored = journal.extend(ids, until: time)
    guard !stored.isEmpty else { return }
    try await database.write { db in
      let statement = try db.cachedStatement(sql: "UPDATE usage_reservations SET expires_at = ? WHERE id = ?")
      for id in stored { try statement.execute(arguments: [time.sql, id.sql]) }
    }
  }

  package func expired(at time: Date, limit: Int) async throws(StorageFailure) -> [MeteredCall] {
    journal.dropExpired(at: time)
    return try await database.write { db in
      try journal.write(to: db, all: true)
      return try Row.fetchAll(
        db, cached: "SELECT * FROM usage_reservations WHERE expires_at <= ? ORDER BY expires_at, id LIMIT ?",
        arguments: [time.sql, max(0, limit)]
      ).map(MeteredCall.init(row:))
    }
  }

  /// Writes what the file does not have yet, and returns when it has; nothing may follow.
  func finish() throws(StorageFailure) { try database.writeNow { db in try journal.write(to: db, all: true) } }

  /// Takes over the reservations that the file holds.
  func takeOver() throws(StorageFailure) {
    journal.takeOver(
      try database.lookUp { db in
        try Row.fetchAll(db, cached: "SELECT * FROM usage_reservations").map(MeteredCall.init(row:))
      })
  }

  private func isWithoutBudget(_ owner: Owner) throws(StorageFailure) -> Bool {
    if journal.isWithoutBudget(owner) { return true }
    guard try database.lookUp({ db in try db.budgets(of: owner).isEmpty }) else { return false }
    journal.remember(withoutBudget: owner)
    return journal.isWithoutBudget(owner)
  }

  private func read(_ missing: UsageJournal.Missing, for call: MeteredCall) throws(StorageFailure) {
    guard !missing.isEmpty else { return }
    let (counters, created) = try database.lookUp { db in
      var counters: [UsageJournal.Key: UsageCounter] = [:]
      for key in missing.keys {
        counters[key] = try db.usageCounter(key.scope, key.subject, in: key.organizationID) ?? UsageCounter()
      }
      return (counters, missing.account ? try db.accountCreated(call.owner) : nil)
    }
    // An account that is gone has no first day.
    journal.fill(counters, account: missing.account ? (call.owner.userID, created ?? .distantPast) : nil)
  }

  /// Does something in the file, behind all that is yet to be written.
  ///
  /// - Parameter body: answers, and with a reservation that it has made.
  private func inFile<Value: Sendable>(
    _ subject: @escaping @Sendable (UsageScope) -> UUID?, _ owner: Owner,
    _ body: @escaping @Sendable (Database) throws -> (Value, MeteredCall?)
  ) async throws(StorageFailure) -> Value {
    try await database.write { [journal] db in
      try journal.write(to: db, all: true)
      let (value, reserved) = try body(db)
      try journal.reread(reserved, of: (subject, owner), in: db)
      return value
    }
  }

  /// Has what was counted written soon, by a task that ends when nothing is left.
  private func tend() {
    guard journal.beginsWriting() else { return }
    Task { [database, journal] in
      repeat {
        // Nobody cancels it.
        try? await Task.sleep(for: UsageJournal.interval)
        guard journal.isDue else { continue }
        do throws(StorageFailure) {
          try await database.write { db in try journal.write(to: db, all: false) }
        } catch {
          // The next call waits for the file, and fails as it does; the file is tried again meanwhile.
          journal.failed()
        }
      } while !journal.endsWriting()
    }
  }

  package func report(_ query: UsageQuery) async throws(StorageFailure) -> UsageReport {
    let order = "ORDER BY cost DESC, prompt + completion DESC, requests DESC"
    try await database.write { [journal] db in try journal.write(to: db, all: false) }
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
  /// Takes down what a call used, and tells which shares budgets have reached.
  fileprivate func settle(_ record: UsageRecord, rules: BudgetRules) throws -> [BudgetAlert] {
    let owner = record.owner
    let call = try takeReservation(record.id, of: owner)
    let earlier = try Row.fetchOne(
      self, cached: "SELECT * FROM usage_events WHERE id = ? AND organization_id = ?",
      arguments: [record.id.sql, owner.organizationID.sql]
    ).map(UsageRecord.init(row:))
    let settlement = UsageSettlement(
      of: record, reservation: call.map { ($0.tokens, $0.cost) }, earlier: earlier)
    guard let settlement else { return [] }
    try insert(record)
    try correctCounters(record.subject, of: owner, by: settlement.tokens, on: UsageDay(record.startedAt))
    var alerts: [BudgetAlert] = []
    for var budget in try budgets(of: owner) {
      let crossed = budget.settle(
        released: settlement.released, cost: settlement.cost, startedAt: record.startedAt, rules: rules)
      try store(budget)
      alerts += crossed.map { BudgetAlert(budget: budget, percent: $0) }
    }
    for alert in alerts { try self.record(.reached(alert, at: record.startedAt)) }
    return alerts
  }

  /// Gives a reservation back; `nil` where it is not open.
  fileprivate func release(_ id: UsageCallID, of owner: Owner) throws -> MeteredCall? {
    guard let call = try takeReservation(id, of: owner) else { return nil }
    let day = UsageDay(call.startedAt)
    try correctCounters(call.subject, of: owner, by: -call.tokens, on: day)
    try execute(
      cached: """
        UPDATE usage_counters SET first_day_requests = max(0, first_day_requests - 1)
        WHERE organization_id = ? AND scope = ? AND subject_id = ?
        """, arguments: [owner.organizationID.sql, UsageScope.user.rawValue, owner.userID.sql])
    for var budget in try budgets(of: owner) where budget.period == BudgetPeriod(call.startedAt) {
      budget.reserved = max(0, budget.reserved - call.cost)
      try store(budget)
    }
    return call
  }

  /// When an account was made; `nil` where it is gone.
  fileprivate func accountCreated(_ owner: Owner) throws -> Date? {
    try Row.fetchOne(
      self, cached: "SELECT created_at FROM users WHERE id = ? AND organization_id = ?",
      arguments: [owner.userID.sql, owner.organizationID.sql])?.time("created_at")
  }

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
    try insert(call)
    return nil
  }

  /// When the first day of a caller's account ends; `nil` where that does not matter.
  private func firstDay(of call: MeteredCall, _ limits: UsageLimits) throws -> (ends: Date, requests: Int)? {
    guard let requests = limits.firstDayRequests, !call.isExemptFromFirstDay else { return nil }
    guard let end = try accountCreated(call.owner)?.addingTimeInterval(UsageLimits.firstDay), end > call.startedAt
    else {
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
