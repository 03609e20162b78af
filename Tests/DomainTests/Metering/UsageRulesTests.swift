import FoundationEssentials
import Testing

@testable import Domain

/// A time, in seconds after the beginning of 2026-11-28 (UTC).
private func at(_ seconds: Int64) -> Date { Date(microseconds: 1_795_824_000_000_000 + seconds * 1_000_000) }

@Suite("The rules of quotas")
struct UsageRulesTests {
  private let demand = UsageDemand(isStream: true, tokens: 100)

  @Test("a rate lets its burst through at once, and then one each interval")
  func rate() throws {
    let rate = try #require(RequestRate(perMinute: 100, burst: 3))
    #expect(rate.interval == 600_000)
    var accounted: Int64 = 0
    var passed: [Int64] = []
    for now in stride(from: Int64(1_000_000_000), to: 1_003_000_000, by: 100_000)
    where rate.wait(accounted: accounted, at: now) <= 0 {
      accounted = rate.accounting(accounted, at: now)
      passed.append((now - 1_000_000_000) / 1_000)
    }
    // Three at 0, 100 and 200 ms; then those that have come back since.
    #expect(passed == [0, 100, 200, 600, 1_200, 1_800, 2_400])
    // After a long pause there is no more than the burst again.
    let later: Int64 = 9_000_000_000
    for _ in 0..<3 {
      #expect(rate.wait(accounted: accounted, at: later) <= 0)
      accounted = rate.accounting(accounted, at: later)
    }
    #expect(rate.wait(accounted: accounted, at: later) == 600_000)
  }

  @Test("an interval that is no whole number is rounded up, so that a minute has no more than the rate")
  func rounding() throws {
    let rate = try #require(RequestRate(perMinute: 7, burst: 1))
    #expect(rate.interval * 7 >= 60_000_000)
    #expect(RequestRate(perMinute: RequestRate.maximum, burst: 1)?.interval == 1)
    for (perMinute, burst) in [(0, 1), (1, 0), (RequestRate.maximum + 1, 1), (1, RequestRate.maximum + 1)] {
      #expect(RequestRate(perMinute: perMinute, burst: burst) == nil)
    }
  }

  @Test("the last token of a day is admitted, and one more is not until midnight")
  func tokens() {
    var counter = UsageCounter()
    let limits = ScopeLimits(tokensPerDay: 200)
    for _ in 0..<2 {
      #expect(counter.refusal(of: demand, scope: .user, limits: limits, openStreams: 9, at: at(60)) == nil)
      counter.count(demand, limits: limits, isOnFirstDay: false, at: at(60))
    }
    let one = UsageDemand(isStream: false, tokens: 1)
    #expect(
      counter.refusal(of: one, scope: .user, limits: limits, openStreams: 0, at: at(86_399))
        == UsageRefusal(limit: .tokensPerDay, scope: .user, maximum: 200, wait: 1_000_000))
    // What asks for none is not in the way of the quota.
    let none = UsageDemand(isStream: false, tokens: 0)
    #expect(counter.refusal(of: none, scope: .user, limits: limits, openStreams: 0, at: at(86_399)) == nil)
    #expect(counter.refusal(of: one, scope: .user, limits: limits, openStreams: 0, at: at(86_400)) == nil)
    // A correction of yesterday does not touch today, nor does one go below nothing.
    counter.count(one, limits: limits, isOnFirstDay: false, at: at(86_400))
    counter.correct(by: -500, on: UsageDay(at(60)))
    #expect(counter.tokens == 1)
    counter.correct(by: -500, on: UsageDay(at(86_400)))
    #expect(counter.tokens == 0)
  }

  @Test("streams are limited for what is a stream alone")
  func streams() {
    let (counter, limits) = (UsageCounter(), ScopeLimits(concurrentStreams: 5))
    #expect(counter.refusal(of: demand, scope: .apiKey, limits: limits, openStreams: 4, at: at(0)) == nil)
    #expect(
      counter.refusal(of: demand, scope: .apiKey, limits: limits, openStreams: 5, at: at(0))
        == UsageRefusal(limit: .concurrentStreams, scope: .apiKey, maximum: 5, wait: nil))
    let search = UsageDemand(isStream: false, tokens: 0)
    #expect(counter.refusal(of: search, scope: .apiKey, limits: limits, openStreams: 5, at: at(0)) == nil)
  }

  @Test("the first day ends to the microsecond")
  func firstDay() {
    var counter = UsageCounter()
    let none = ScopeLimits()
    for _ in 0..<10 { counter.count(demand, limits: none, isOnFirstDay: true, at: at(0)) }
    let first = (ends: at(100), requests: 10)
    let refusal = { (time: Date) in
      counter.refusal(of: demand, scope: .user, limits: none, openStreams: 0, firstDay: first, at: time)
    }
    #expect(refusal(Date(microseconds: at(100).microseconds - 1))?.wait == 1)
    #expect(refusal(at(100)) == nil)
  }

  @Test("a day and a month are UTC's, before 1970 too")
  func days() {
    #expect(UsageDay(at(0)).start == at(0))
    #expect(UsageDay(at(86_399)) == UsageDay(at(0)))
    #expect(UsageDay(at(86_400)) == UsageDay(at(0)).next)
    #expect(UsageDay(Date(microseconds: -1)).number == -1)
    #expect(UsageDay(Date(microseconds: -UsageDay.length)).number == -1)
    let november = BudgetPeriod(at(0))
    #expect(november.start == at(-27 * 86_400))
    #expect(november.end == at(3 * 86_400))
    #expect(BudgetPeriod(at(3 * 86_400)).end == at(34 * 86_400))
    #expect(BudgetPeriod(Date(microseconds: november.end.microseconds - 1)) == november)
  }

  @Test("a settlement is right whatever became of the reservation")
  func settlement() throws {
    let call = MeteredCall(
      id: Identifier(UUID()), owner: Owner(organizationID: Organization.standard.id, userID: UserID(UUID())),
      apiKeyID: nil, isExemptFromFirstDay: false, kind: .chat, model: "m", tokens: 100, cost: 50, startedAt: at(0),
      expiresAt: at(60))
    let used = UsageRecord(
      id: call.id, owner: call.owner, apiKeyID: nil, kind: .chat, model: "m",
      usage: TokenUsage(promptTokens: 10, completionTokens: 20), cost: 7, outcome: .cancelled, startedAt: at(0))
    let lapsed = UsageRecord(lapsed: call)
    let open = try #require(UsageSettlement(of: used, reservation: (100, 50), earlier: nil))
    #expect((open.tokens, open.released, open.cost) == (-70, 50, 7))
    let released = try #require(UsageSettlement(of: used, reservation: nil, earlier: nil))
    #expect((released.tokens, released.released, released.cost) == (30, 0, 7))
    let corrected = try #require(UsageSettlement(of: used, reservation: nil, earlier: lapsed))
    #expect((corrected.tokens, corrected.released, corrected.cost) == (-70, 0, -43))
    #expect(UsageSettlement(of: used, reservation: nil, earlier: used) == nil)
    #expect(UsageSettlement(of: lapsed, reservation: nil, earlier: nil) == nil)
    #expect(UsageSettlement(of: lapsed, reservation: nil, earlier: used) == nil)
    let lapse = try #require(UsageSettlement(of: lapsed, reservation: (100, 50), earlier: nil))
    #expect((lapse.tokens, lapse.released, lapse.cost) == (0, 50, 50))
  }
}

@Suite("The rules of budgets")
struct BudgetRulesTests {
  private func budget(_ limit: Int, spent: Int = 0, reserved: Int = 0) -> Budget {
    Budget(
      id: Identifier(UUID()), organizationID: Organization.standard.id, userID: nil, limit: limit,
      period: BudgetPeriod(at(0)), spent: spent, reserved: reserved)
  }

  @Test("a call passes up to 110 % and no further, open calls counted, and what costs nothing passes")
  func stop() {
    let rules = BudgetRules()
    let full = budget(1_000, spent: 900, reserved: 150)
    #expect(full.refusal(of: 50, rules: rules, at: at(0)) == nil)
    #expect(
      full.refusal(of: 51, rules: rules, at: at(0))
        == UsageRefusal(limit: .budget, scope: .organization, maximum: 1_000, wait: 3 * 86_400_000_000))
    #expect(budget(1_000, spent: 9_999).refusal(of: 0, rules: rules, at: at(0)) == nil)
    #expect(budget(0).refusal(of: 1, rules: rules, at: at(0)) != nil)
    #expect(budget(7).stop(rules) == 7)
    #expect(budget(Budget.maximumAmount).stop(rules) == 1_100_000_000_000_000)
    var overridden = budget(0)
    overridden.override = BudgetOverride(expiresAt: at(10), reason: "r", actor: UserID(UUID()))
    #expect(overridden.refusal(of: 1, rules: rules, at: Date(microseconds: at(10).microseconds - 1)) == nil)
    #expect(overridden.refusal(of: 1, rules: rules, at: at(10)) != nil)
  }

  @Test("each share is told when it is reached, once, and all that one call reaches")
  func alerts() {
    var budget = budget(1_000)
    let rules = BudgetRules()
    let settle = { (cost: Int) in budget.settle(released: 0, cost: cost, startedAt: at(0), rules: rules) }
    #expect(settle(699) == [])
    #expect(settle(1) == [70])
    #expect(settle(1) == [])
    #expect(settle(300) == [85, 95])
    #expect(settle(99) == [110])
    #expect(settle(500) == [])
    // Below a share and over it again is no news.
    #expect(settle(-1_500) == [])
    #expect(settle(900) == [])
  }

  @Test("another month begins anew, and a call of the last one changes nothing in it")
  func months() {
    var budget = budget(1_000, spent: 800, reserved: 50)
    budget.alerted = 70
    let december = 3 * Int64(86_400)
    #expect(budget.settle(released: 0, cost: 700, startedAt: at(december), rules: BudgetRules()) == [70])
    #expect((budget.spent, budget.reserved) == (700, 0))
    #expect(budget.settle(released: 50, cost: 500, startedAt: at(0), rules: BudgetRules()) == [])
    #expect((budget.spent, budget.alerted) == (700, 70))
  }

  @Test("a price is by the model that answered, and the most that a name can cost by the dearest")
  func prices() throws {
    let (small, large) = (
      try #require(TokenPrice(prompt: 10, completion: 1_000_000)), try #require(TokenPrice(prompt: 20, completion: 3))
    )
    let list = PriceList(["small": small, "large": large], routes: ["both": ["small", "large", "free"]])
    #expect(list.highest(of: "both") == TokenPrice(prompt: 20, completion: 1_000_000))
    #expect(list.highest(of: "small") == small)
    #expect(list.highest(of: "free") == nil)
    let usage = TokenUsage(promptTokens: 0, completionTokens: 2)
    #expect(list.cost(of: usage, by: "small") == 2)
    // A millionth is rounded up.
    #expect(list.cost(of: usage, by: "large") == 1)
    #expect(list.cost(of: usage, by: "both") == 0)
    #expect(list.cost(of: usage, by: nil) == 0)
    // What is too much for a number is a great deal.
    #expect(list.cost(of: TokenUsage(promptTokens: 0, completionTokens: .max), by: "small") == Budget.maximumAmount)
  }
}
