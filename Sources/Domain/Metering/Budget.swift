package import FoundationEssentials

/// Names a budget.
package typealias BudgetID = Identifier<Budget>

/// A month of UTC, by its first moment.
package struct BudgetPeriod: Hashable, Comparable, Sendable {
  /// Its first moment.
  package let start: Date

  /// The month of a time.
  package init(_ time: Date) {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    let parts = calendar.dateComponents([.year, .month], from: time)
    // A year and a month of this calendar always begin somewhere.
    start = calendar.date(from: parts) ?? time
  }

  /// The first moment of the month after it.
  package var end: Date { BudgetPeriod(start.addingTimeInterval(32 * 86_400)).start }

  /// Orders by time.
  package static func < (left: Self, right: Self) -> Bool { left.start < right.start }
}

/// At which shares of a budget something happens.
package struct BudgetRules: Hashable, Sendable {
  /// The percentages that are told, each once a month, ascending.
  package var alerts = [70, 85, 95]
  /// The percentage beyond which calls that cost something are refused.
  package var stop = 110

  /// The standard rules: 70, 85 and 95 %, and no further than 110 %.
  package init() {}
}

/// Lets calls pass although a budget is used up, until a time.
package struct BudgetOverride: Hashable, Sendable {
  /// The most characters of a reason.
  package static let maximumReasonLength = 500

  /// Until when.
  package let expiresAt: Date
  /// Why.
  package let reason: String
  /// Who decided it.
  package let actor: UserID

  /// Makes an override.
  package init(expiresAt: Date, reason: String, actor: UserID) {
    self.expiresAt = expiresAt
    self.reason = reason
    self.actor = actor
  }
}

/// What the calls of a tenant, or of one of its users, may cost in a month. All amounts are millionths of the operator's
/// currency.
package struct Budget: Hashable, Sendable {
  /// The largest amount: ten digits before the point.
  package static let maximumAmount = 1_000_000_000_000_000

  /// Its id.
  package let id: BudgetID
  /// The tenant.
  package let organizationID: OrganizationID
  /// Whose calls it is for; `nil` for all of the tenant's.
  package let userID: UserID?
  /// The amount of a month, 0 to ``maximumAmount``.
  package var limit: Int
  /// The month that the rest is about.
  package var period: BudgetPeriod
  /// What calls that have ended cost.
  package var spent: Int
  /// What open calls may cost.
  package var reserved: Int
  /// The highest percentage that was told.
  package var alerted: Int
  /// Lets calls pass beyond the stop.
  package var override: BudgetOverride?

  /// Makes a budget of its parts.
  package init(
    id: BudgetID, organizationID: OrganizationID, userID: UserID?, limit: Int, period: BudgetPeriod, spent: Int = 0,
    reserved: Int = 0, alerted: Int = 0, override: BudgetOverride? = nil
  ) {
    self.id = id
    self.organizationID = organizationID
    self.userID = userID
    self.limit = limit
    self.period = period
    self.spent = spent
    self.reserved = reserved
    self.alerted = alerted
    self.override = override
  }

  /// Begins another month, where a time is in a later one.
  package mutating func roll(to time: Date) {
    let period = BudgetPeriod(time)
    guard self.period < period else { return }
    (self.period, spent, reserved, alerted) = (period, 0, 0, 0)
  }

  /// Whether a call has to be refused that may cost so much; what costs nothing passes. Roll it before.
  package func refusal(of cost: Int, rules: BudgetRules, at time: Date) -> UsageRefusal? {
    if let override, override.expiresAt > time { return nil }
    guard cost > 0, spent + reserved + cost > stop(rules) else { return nil }
    return UsageRefusal(
      limit: .budget, scope: userID == nil ? .organization : .user, maximum: limit,
      wait: period.end.microseconds - time.microseconds)
  }

  /// The amount beyond which calls are refused.
  package func stop(_ rules: BudgetRules) -> Int { limit / 100 * rules.stop + limit % 100 * rules.stop / 100 }

  /// Takes down what a call cost that began at a time, and answers with the percentages that are to be told now.
  ///
  /// - Parameters:
  ///   - released: what was reserved for it.
  ///   - cost: what it cost; below 0 where more was taken down before.
  package mutating func settle(released: Int, cost: Int, startedAt: Date, rules: BudgetRules) -> [Int] {
    roll(to: startedAt)
    // A call of a month that is over changes nothing in this one.
    guard BudgetPeriod(startedAt) == period else { return [] }
    reserved = max(0, reserved - released)
    spent = max(0, spent + cost)
    return crossed(rules)
  }

  /// The percentages that were reached and not told yet; they count as told then.
  package mutating func crossed(_ rules: BudgetRules) -> [Int] {
    guard spent > 0 else { return [] }
    let reached = (rules.alerts + [rules.stop]).filter { percent in
      // As `stop`, so that neither overflows nor rounds a small budget to nothing.
      percent > alerted && spent >= limit / 100 * percent + limit % 100 * percent / 100
    }
    alerted = max(alerted, reached.max() ?? 0)
    return reached.sorted()
  }
}

/// A budget has reached a share.
package struct BudgetAlert: Hashable, Sendable {
  /// The budget, as it is then.
  package let budget: Budget
  /// The share.
  package let percent: Int

  /// Makes an alert.
  package init(budget: Budget, percent: Int) {
    self.budget = budget
    self.percent = percent
  }
}

extension Budget {
  /// The budget as it is at a time.
  package func rolled(to time: Date) -> Budget {
    var budget = self
    budget.roll(to: time)
    return budget
  }
}
