import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: idle counters")
struct UsageCountersTests {
  private static let day = UsageDay.length / 1_000_000

  @Test("a counter is removed when its day is over and its requests have come back", arguments: StorageUnderTest.all)
  func idle(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      var limits = UsageLimits()
      // One request in a minute: the second of two at once has come back after two minutes.
      limits.user = ScopeLimits(rate: RequestRate(perMinute: 1, burst: 2), tokensPerDay: 1_000)
      let midnight = Int64(UsageDay(seconds(0)).next.start.timeIntervalSince(seconds(0)))
      let (ada, bob) = (Caller(owner: .sample()), Caller(owner: .sample(in: otherOrganization)))
      for _ in 0..<2 { #expect(try await storage.admit(ada.call(tokens: 1, at: midnight - 1), limits) == nil) }
      let refusal = try await storage.admit(bob.call(tokens: 1, at: midnight - 119), limits)
      #expect(refusal == nil)
      let count = { (offset: Int64) in
        try await storage.usageCounters.removeIdle(at: seconds(offset), limit: 10)
      }
      #expect(try await count(midnight - 1) == 0)
      // The day is over, but a request is still to come back.
      #expect(try await count(midnight) == 1)
      #expect(try await count(midnight + 118) == 0)
      #expect(try await storage.admit(ada.call(tokens: 1, at: midnight + 58), limits)?.limit == .requestsPerMinute)
      #expect(try await count(midnight + 119) == 1)
      // As if nothing had been counted.
      for _ in 0..<2 { #expect(try await storage.admit(ada.call(tokens: 500, at: midnight + 120), limits) == nil) }
      #expect(try await storage.admit(ada.call(tokens: 1, at: midnight + 121), limits) != nil)
      #expect(try await count(midnight + Self.day - 1) == 0)
    }
  }

  @Test("a new account's counter stays until its first day is over", arguments: StorageUnderTest.all)
  func firstDay(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("new"), passwordHash: nil, roleIfFirst: nil)
      let ada = Caller(owner: Owner(organizationID: user.organizationID, userID: user.id))
      var limits = UsageLimits()
      limits.firstDayRequests = 1
      #expect(try await storage.admit(ada.call(at: 1), limits) == nil)
      #expect(try await storage.usageCounters.removeIdle(at: seconds(Self.day - 1), limit: 10) == 0)
      #expect(try await storage.admit(ada.call(at: Self.day - 1), limits)?.limit == .firstDayRequests)
      // The day of UTC in which it was counted may end up to a day after the account's.
      #expect(try await storage.usageCounters.removeIdle(at: seconds(2 * Self.day), limit: 10) == 1)
    }
  }

  @Test("no more than the limit are removed at once, and the rest the next time", arguments: StorageUnderTest.all)
  func bounded(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      var limits = UsageLimits()
      limits.user.tokensPerDay = 1_000
      for _ in 0..<5 {
        let refusal = try await storage.admit(Caller(owner: .sample()).call(), limits)
        #expect(refusal == nil)
      }
      let later = seconds(2 * Self.day)
      #expect(try await storage.usageCounters.removeIdle(at: later, limit: 0) == 0)
      #expect(try await storage.usageCounters.removeIdle(at: later, limit: 3) == 3)
      #expect(try await storage.usageCounters.removeIdle(at: later, limit: 3) == 2)
      #expect(try await storage.usageCounters.removeIdle(at: later, limit: 3) == 0)
    }
  }

  @Test("what a call used that began before its counter went is still recorded", arguments: StorageUnderTest.all)
  func settlingLater(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      var limits = UsageLimits()
      limits.user.tokensPerDay = 1_000
      let call = Caller(owner: .sample()).call(holdsFor: 3 * Self.day)
      #expect(try await storage.admit(call, limits) == nil)
      #expect(try await storage.usageCounters.removeIdle(at: seconds(2 * Self.day), limit: 10) == 1)
      try await storage.usage.settle(call.used(7, 3), rules: BudgetRules())
      let report = try await storage.usage.report(
        UsageQuery(
          organizationID: organization, userID: nil, first: UsageDay(seconds(0)), last: UsageDay(seconds(2 * Self.day)))
      )
      #expect(report.total == UsageTotals(requests: 1, promptTokens: 7, completionTokens: 3, cost: 0))
    }
  }
}
