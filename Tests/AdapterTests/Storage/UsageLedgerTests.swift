import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: usage")
struct UsageLedgerTests {
  private func limits(
    rate: RequestRate? = nil, streams: Int? = nil, tokens: Int? = nil, firstDay: Int? = nil
  ) -> UsageLimits {
    var limits = UsageLimits()
    limits.user = ScopeLimits(rate: rate, concurrentStreams: streams, tokensPerDay: tokens)
    limits.firstDayRequests = firstDay
    return limits
  }

  /// Runs calls at once and says how many were admitted.
  private func race(
    _ calls: [MeteredCall], _ limits: UsageLimits, on storage: OpenStorage
  ) async throws -> [MeteredCall] {
    try await withThrowingTaskGroup(of: MeteredCall?.self) { group in
      for call in calls {
        group.addTask { try await storage.admit(call, limits) == nil ? call : nil }
      }
      return try await group.reduce(into: []) { if let call = $1 { $0.append(call) } }
    }
  }

  @Test("50 racing calls use no more tokens than a day has", arguments: StorageUnderTest.all)
  func tokensUnderRace(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let ada = Caller(owner: .sample())
      let admitted = try await race((0..<50).map { _ in ada.call() }, limits(tokens: 1_050), on: storage)
      #expect(admitted.count == 10)
    }
  }

  @Test("50 racing calls open no more streams than may be open", arguments: StorageUnderTest.all)
  func streamsUnderRace(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let ada = Caller(owner: .sample())
      let admitted = try await race((0..<50).map { _ in ada.call() }, limits(streams: 5), on: storage)
      #expect(admitted.count == 5)
      // One that ends makes room for one.
      let ended = try #require(admitted.first)
      try await storage.usage.settle(ended.used(1), rules: BudgetRules())
      let next = try await race((0..<10).map { _ in ada.call() }, limits(streams: 5), on: storage)
      #expect(next.count == 1)
    }
  }

  @Test("50 racing calls are no faster than the rate, and it comes back", arguments: StorageUnderTest.all)
  func rateUnderRace(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let ada = Caller(owner: .sample())
      let limits = limits(rate: RequestRate(perMinute: 60, burst: 7))
      let admitted = try await race((0..<50).map { _ in ada.call(.search, tokens: 0) }, limits, on: storage)
      #expect(admitted.count == 7)
      let refusal = try await storage.admit(ada.call(.search, tokens: 0), limits)
      #expect(
        refusal == UsageRefusal(limit: .requestsPerMinute, scope: .user, maximum: 60, wait: 1_000_000))
      #expect(try await storage.admit(ada.call(.search, tokens: 0, at: 1), limits) == nil)
      #expect(try await storage.admit(ada.call(.search, tokens: 0, at: 1), limits) != nil)
      // Somebody else has a rate of their own.
      #expect(try await storage.admit(Caller(owner: .sample()).call(.search, tokens: 0), limits) == nil)
    }
  }

  @Test("what a call did not use is free again at once, and what it used above counts", arguments: StorageUnderTest.all)
  func settlement(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let ada = Caller(owner: .sample())
      let limits = limits(tokens: 250)
      let (first, second) = (ada.call(), ada.call())
      #expect(try await storage.admit(first, limits) == nil)
      #expect(try await storage.admit(second, limits) == nil)
      let refused = try await storage.admit(ada.call(), limits)
      #expect(refused?.limit == .tokensPerDay)
      #expect(refused?.maximum == 250)
      let untilMidnight = UsageDay(seconds(0)).next.start.microseconds - seconds(0).microseconds
      #expect(refused?.wait == untilMidnight)
      try await storage.usage.settle(first.used(10, 5), rules: BudgetRules())
      // 15 + 100 + 100 are 215.
      #expect(try await storage.admit(ada.call(), limits) == nil)
      try await storage.usage.settle(second.used(100, 100), rules: BudgetRules())
      #expect(try await storage.admit(ada.call(tokens: 1), limits)?.limit == .tokensPerDay)
      // Another day has its own.
      #expect(try await storage.admit(ada.call(tokens: 250, at: untilMidnight / 1_000_000), limits) == nil)
    }
  }

  @Test("settling again changes nothing, whoever does it when", arguments: StorageUnderTest.all)
  func settledOnce(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let ada = Caller(owner: .sample())
      let call = ada.call()
      #expect(try await storage.admit(call, limits(tokens: 200)) == nil)
      _ = try await storage.budget(1_000)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<10 {
          group.addTask { _ = try await storage.usage.settle(call.used(30, cost: 50), rules: BudgetRules()) }
        }
        try await group.waitForAll()
      }
      try await storage.usage.settle(UsageRecord(lapsed: call), rules: BudgetRules())
      try await storage.usage.release(call.id, of: ada.owner)
      #expect(try await storage.admit(ada.call(tokens: 170), limits(tokens: 200)) == nil)
      #expect(try await storage.admit(ada.call(tokens: 1), limits(tokens: 200)) != nil)
      #expect(try await storage.budgets.budgets(of: ada.owner, at: seconds(0)).map(\.spent) == [50])
      let report = try await storage.usage.report(.sample())
      #expect(report.total == UsageTotals(requests: 1, promptTokens: 30, completionTokens: 0, cost: 50))
    }
  }

  @Test("a call that never began is given back, and one that began after all counts", arguments: StorageUnderTest.all)
  func release(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let ada = Caller(owner: .sample())
      _ = try await storage.budget(1_000)
      let limits = limits(streams: 1, tokens: 100)
      let call = ada.call(cost: 400)
      #expect(try await storage.admit(call, limits) == nil)
      // Only its owner can.
      try await storage.usage.release(call.id, of: .sample())
      #expect(try await storage.admit(ada.call(), limits) != nil)
      try await storage.usage.release(call.id, of: ada.owner)
      #expect(try await storage.budgets.budgets(of: ada.owner, at: seconds(0)).map(\.reserved) == [0])
      #expect(try await storage.usage.report(.sample()).total == UsageTotals())
      try await storage.usage.settle(call.used(60, cost: 90), rules: BudgetRules())
      #expect(try await storage.admit(ada.call(tokens: 41), limits)?.limit == .tokensPerDay)
      #expect(try await storage.admit(ada.call(tokens: 40), limits) == nil)
      #expect(try await storage.budgets.budgets(of: ada.owner, at: seconds(0)).map(\.spent) == [90])
    }
  }

  @Test(
    "a call whose process died lapses as all that it might have used, until its end is known after all",
    arguments: StorageUnderTest.all)
  func lapse(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let ada = Caller(owner: .sample())
      _ = try await storage.budget(1_000)
      let limits = limits(streams: 1, tokens: 150)
      let (dead, alive) = (ada.call(cost: 300), Caller(owner: .sample()).call(cost: 100))
      #expect(try await storage.admit(dead, limits) == nil)
      #expect(try await storage.admit(alive, limits) == nil)
      try await storage.usage.extend([alive.id, .random()], until: seconds(120))
      #expect(try await storage.usage.expired(at: seconds(59), limit: 10).isEmpty)
      // Its stream is free as soon as it has expired, its tokens are not.
      #expect(try await storage.admit(ada.call(tokens: 1, at: 30), limits)?.limit == .concurrentStreams)
      let expired = try await storage.usage.expired(at: seconds(60), limit: 10)
      #expect(expired.map(\.id) == [dead.id])
      #expect(expired.map(\.tokens) == [100])
      for call in expired { try await storage.usage.settle(UsageRecord(lapsed: call), rules: BudgetRules()) }
      #expect(try await storage.usage.expired(at: seconds(60), limit: 10).isEmpty)
      #expect(try await storage.admit(ada.call(tokens: 51, at: 61), limits)?.limit == .tokensPerDay)
      let budget = try await storage.budgets.budgets(of: ada.owner, at: seconds(0)).first
      #expect(budget?.spent == 300)
      #expect(budget?.reserved == 100)
      try await storage.usage.settle(dead.used(20, 10, cost: 40), rules: BudgetRules())
      #expect(try await storage.admit(ada.call(tokens: 120, at: 61), limits) == nil)
      #expect(try await storage.budgets.budgets(of: ada.owner, at: seconds(0)).first?.spent == 40)
    }
  }

  @Test("a new account makes few requests on its first day, but for an admin's", arguments: StorageUnderTest.all)
  func firstDay(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("new"), passwordHash: nil, roleIfFirst: nil)
      let limits = limits(firstDay: 3)
      let ada = Caller(owner: Owner(organizationID: user.organizationID, userID: user.id))
      let admitted = try await race((0..<10).map { _ in ada.call(.search, tokens: 0, at: 1) }, limits, on: storage)
      #expect(admitted.count == 3)
      #expect(
        try await storage.admit(ada.call(at: 86_399), limits)
          == UsageRefusal(limit: .firstDayRequests, scope: .user, maximum: 3, wait: 1_000_000))
      #expect(try await storage.admit(ada.call(at: 86_400), limits) == nil)
      let admin = Caller(owner: ada.owner, isAdmin: true)
      #expect(try await storage.admit(admin.call(at: 2), limits) == nil)
    }
  }

  @Test(
    "a call counts for its organisation, its user and its key, and for none when one refuses",
    arguments: StorageUnderTest.all)
  func scopes(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      var limits = UsageLimits()
      limits.organization.tokensPerDay = 500
      limits.user.tokensPerDay = 300
      limits.apiKey.tokensPerDay = 100
      let user = Owner.sample()
      let (first, second) = (Caller(owner: user, key: .random()), Caller(owner: user, key: .random()))
      let admitted = try await storage.admit(first.call(), limits)
      #expect(admitted == nil)
      #expect(try await storage.admit(first.call(), limits)?.scope == .apiKey)
      #expect(try await storage.admit(second.call(), limits) == nil)
      #expect(try await storage.admit(Caller(owner: user).call(), limits) == nil)
      #expect(try await storage.admit(Caller(owner: user).call(), limits)?.scope == .user)
      #expect(try await storage.admit(Caller(owner: .sample()).call(tokens: 200), limits) == nil)
      #expect(try await storage.admit(Caller(owner: .sample()).call(), limits)?.scope == .organization)
      // Another tenant's calls are its own.
      #expect(try await storage.admit(Caller(owner: .sample(in: otherOrganization)).call(), limits) == nil)
    }
  }

  @Test(
    "without a limit or a budget nothing is reserved, and what was used is known all the same",
    arguments: StorageUnderTest.all)
  func unlimited(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let call = Caller(owner: .sample()).call()
      #expect(try await storage.admit(call, UsageLimits()) == nil)
      #expect(try await storage.usage.expired(at: seconds(1_000), limit: 10).isEmpty)
      try await storage.usage.settle(call.used(7, 3), rules: BudgetRules())
      #expect(try await storage.usage.report(.sample()).total.promptTokens == 7)
    }
  }

  @Test("racing calls cost no more than a budget's stop, and each share is told once", arguments: StorageUnderTest.all)
  func budgetUnderRace(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      _ = try await storage.budget(1_000)
      let callers = (0..<5).map { _ in Caller(owner: .sample()) }
      let calls = (0..<50).map { callers[$0 % 5].call(cost: 50) }
      let admitted = try await race(calls, UsageLimits(), on: storage)
      // 22 · 50 are 110 %.
      #expect(admitted.count == 22)
      #expect(
        try await storage.admit(callers[0].call(cost: 1), UsageLimits())?.limit == .budget)
      #expect(try await storage.admit(callers[0].call(cost: 0), UsageLimits()) == nil)
      let told = try await withThrowingTaskGroup(of: [BudgetAlert].self) { group in
        for call in admitted {
          group.addTask { try await storage.usage.settle(call.used(1, cost: 50), rules: BudgetRules()) }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(told.map(\.percent).sorted() == [70, 85, 95, 110])
      #expect(try await storage.alerts() == ["70": 1, "85": 1, "95": 1, "110": 1])
      let budget = try #require(try await storage.budgets.budgets(of: callers[0].owner, at: seconds(0)).first)
      #expect(budget.spent == 1_100)
      #expect(budget.reserved == 0)
      // The next month begins anew, and tells anew.
      let later = Int64(BudgetPeriod(seconds(0)).end.timeIntervalSince(seconds(0)))
      let next = callers[0].call(cost: 800, at: later)
      #expect(try await storage.admit(next, UsageLimits()) == nil)
      #expect(try await storage.usage.settle(next.used(1, cost: 700), rules: BudgetRules()).map(\.percent) == [70])
    }
  }

  @Test("a report has days, models and users in order, of one tenant", arguments: StorageUnderTest.all)
  func report(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("ada"), passwordHash: nil, roleIfFirst: nil)
      let ada = Caller(owner: Owner(organizationID: organization, userID: user.id))
      let (bob, stranger) = (Caller(owner: .sample()), Caller(owner: .sample(in: otherOrganization)))
      for record in [
        ada.call(at: 0).used(10, 1, cost: 5, model: "small"), ada.call(at: 86_400).used(20, 2, cost: 6, model: "large"),
        bob.call(at: 86_400).used(30, 3, cost: 30, model: "large"), bob.call(at: 0).used(0, model: nil, as: .failed),
        stranger.call(at: 0).used(1_000, cost: 1_000),
      ] { try await storage.usage.settle(record, rules: BudgetRules()) }
      let report = try await storage.usage.report(.sample())
      #expect(report.total == UsageTotals(requests: 4, promptTokens: 60, completionTokens: 6, cost: 41))
      #expect(report.days.map(\.day) == [UsageDay(seconds(0)), UsageDay(seconds(86_400))])
      #expect(report.days.map(\.totals.cost) == [5, 36])
      #expect(report.models.map(\.model) == ["large", "small", nil])
      #expect(report.users.map(\.userID) == [bob.owner.userID, user.id])
      #expect(report.users.map(\.email) == [nil, "ada@example.org"])
      #expect(report.nextUser == nil)
      let first = try await storage.usage.report(.sample(users: 1))
      #expect(first.users.map(\.userID) == [bob.owner.userID])
      #expect(first.nextUser == 1)
      let second = try await storage.usage.report(.sample(users: 1, after: 1))
      #expect(second.users.map(\.userID) == [user.id])
      #expect(second.nextUser == nil)
      let own = try await storage.usage.report(.sample(of: user.id, days: 1))
      #expect(own.total == UsageTotals(requests: 1, promptTokens: 10, completionTokens: 1, cost: 5))
    }
  }
}

extension UsageQuery {
  fileprivate static func sample(of user: UserID? = nil, days: Int = 30, users: Int = 50, after: Int = 0) -> UsageQuery
  {
    let first = UsageDay(seconds(0))
    return UsageQuery(
      organizationID: organization, userID: user, first: first, last: UsageDay(number: first.number + days - 1),
      usersAfter: after, maximumUsers: users)
  }
}
