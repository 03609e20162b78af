import Application
import Domain
import Foundation
import SQLiteStorage
import Testing

/// What the contract's tests do not show: that the file follows, and who else may count in it.
@Suite("Usage in SQLite is written behind")
struct UsageJournalTests {
  private var limits: UsageLimits {
    var limits = UsageLimits()
    limits.user = ScopeLimits(rate: nil, concurrentStreams: 5, tokensPerDay: 1_000)
    return limits
  }

  private func tokens(_ storage: SQLiteStorage, _ owner: Owner) async throws -> Int {
    let day = UsageDay(seconds(0))
    let query = UsageQuery(
      organizationID: owner.organizationID, userID: owner.userID, first: day, last: day, usersAfter: 0,
      maximumUsers: 10)
    return try await storage.usage.report(query).total.promptTokens
  }

  @Test("what was used is in the file when it is closed, and counts for whoever opens it")
  func closing() async throws {
    try await withTemporaryFolder { folder in
      let ada = Caller(owner: .sample())
      let open = ada.call()
      let first = try SQLiteStorage(directory: folder)
      for _ in 0..<5 {
        let call = ada.call()
        #expect(try await first.usage.reserve(call, limits: limits, rules: BudgetRules()) == nil)
        try await first.usage.settle(call.used(150), rules: BudgetRules())
      }
      // One goes on when the process ends.
      #expect(try await first.usage.reserve(open, limits: limits, rules: BudgetRules()) == nil)
      try first.close()

      let second = try SQLiteStorage(directory: folder)
      #expect(try await tokens(second, ada.owner) == 750)
      // 750 were used, 100 are reserved by the one that is open.
      #expect(try await second.usage.reserve(ada.call(tokens: 151), limits: limits, rules: BudgetRules()) != nil)
      #expect(try await second.usage.reserve(ada.call(tokens: 150), limits: limits, rules: BudgetRules()) == nil)
      #expect(try await second.usage.expired(at: seconds(61), limit: 10).map(\.id).contains(open.id))
      try await second.usage.settle(open.used(20), rules: BudgetRules())
      #expect(try await tokens(second, ada.owner) == 770)
      try second.close()
    }
  }

  @Test("another process sees what was used a moment later, and what it counts is not overwritten")
  func twoProcesses() async throws {
    try await withTemporaryFolder { folder in
      let ada = Caller(owner: .sample())
      let (server, command) = (try SQLiteStorage(directory: folder), try SQLiteStorage(directory: folder))
      let one = ada.call(tokens: 400)
      #expect(try await server.usage.reserve(one, limits: limits, rules: BudgetRules()) == nil)
      try await server.usage.settle(one.used(400), rules: BudgetRules())
      var seen = 0
      for _ in 0..<500 where seen == 0 {
        try await Task.sleep(for: .milliseconds(10))
        seen = try await tokens(command, ada.owner)
      }
      #expect(seen == 400)
      let other = ada.call(tokens: 300)
      #expect(try await command.usage.reserve(other, limits: limits, rules: BudgetRules()) == nil)
      try await command.usage.settle(other.used(300), rules: BudgetRules())
      #expect(try await tokens(command, ada.owner) == 700)
      // The server takes over what the file says when it next writes: 700 of 1,000.
      let third = ada.call(tokens: 100)
      #expect(try await server.usage.reserve(third, limits: limits, rules: BudgetRules()) == nil)
      try await server.usage.settle(third.used(100), rules: BudgetRules())
      #expect(try await tokens(server, ada.owner) == 800)
      #expect(try await server.usage.reserve(ada.call(tokens: 201), limits: limits, rules: BudgetRules()) != nil)
      #expect(try await server.usage.reserve(ada.call(tokens: 200), limits: limits, rules: BudgetRules()) == nil)
      try command.close()
      try server.close()
    }
  }

  @Test("a budget that is set while calls are open counts them, and those that follow")
  func budgetInBetween() async throws {
    try await withTemporaryFolder { folder in
      let storage = try SQLiteStorage(directory: folder)
      let ada = Caller(owner: .sample())
      let (settled, open) = (ada.call(cost: 300), ada.call(cost: 200))
      for call in [settled, open] {
        #expect(try await storage.usage.reserve(call, limits: limits, rules: BudgetRules()) == nil)
      }
      try await storage.usage.settle(settled.used(10, cost: 250), rules: BudgetRules())
      let budget = try await storage.budgets.set(1_000, for: nil, id: .random(), entry: .sample())
      #expect(budget.spent == 250)
      #expect(budget.reserved == 200)
      // 450 of 1,100 are taken: the hard stop is at 110 %.
      #expect(
        try await storage.usage.reserve(ada.call(cost: 651), limits: limits, rules: BudgetRules())?.limit == .budget)
      try await storage.usage.settle(open.used(10, cost: 100), rules: BudgetRules())
      let after = try #require(try await storage.budgets.budgets(of: ada.owner, at: seconds(0)).first)
      #expect(after.spent == 350)
      #expect(after.reserved == 0)
      try storage.close()
    }
  }

  @Test("counters stay right when calls go through memory, then through the file, and back")
  func turns() async throws {
    try await withTemporaryFolder { folder in
      let storage = try SQLiteStorage(directory: folder)
      let ada = Caller(owner: .sample())
      for round in 0..<9 {
        if round == 3 { _ = try await storage.budgets.set(1_000_000, for: nil, id: .random(), entry: .sample()) }
        if round == 6, let budget = try await storage.budgets.budgets(of: ada.owner, at: seconds(0)).first {
          try await storage.budgets.delete(budget.id, entry: .sample(.budgetDeleted))
        }
        let call = ada.call(tokens: 100)
        #expect(try await storage.usage.reserve(call, limits: limits, rules: BudgetRules()) == nil)
        try await storage.usage.settle(call.used(90), rules: BudgetRules())
      }
      // 810 of 1,000.
      #expect(try await storage.usage.reserve(ada.call(tokens: 191), limits: limits, rules: BudgetRules()) != nil)
      #expect(try await storage.usage.reserve(ada.call(tokens: 190), limits: limits, rules: BudgetRules()) == nil)
      try storage.close()
    }
  }
}
