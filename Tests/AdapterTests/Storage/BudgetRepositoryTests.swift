import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: budgets")
struct BudgetRepositoryTests {
  @Test("a budget counts what its month has cost before it was set", arguments: StorageUnderTest.all)
  func earlier(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("ada"), passwordHash: nil, roleIfFirst: nil)
      let ada = Caller(owner: Owner(organizationID: organization, userID: user.id))
      let bob = Caller(owner: .sample())
      try await storage.usage.settle(ada.call().used(1, cost: 70), rules: BudgetRules())
      try await storage.usage.settle(bob.call().used(1, cost: 20), rules: BudgetRules())
      let past = Int64(BudgetPeriod(seconds(0)).start.timeIntervalSince(seconds(0))) - 1
      try await storage.usage.settle(ada.call(at: past).used(1, cost: 5_000), rules: BudgetRules())
      let whole = try await storage.budget(200)
      #expect(whole.spent == 90)
      // An open call counts with what it may cost, also for the budget that is set while it goes on.
      let open = ada.call(cost: 30)
      #expect(try await storage.admit(open, UsageLimits()) == nil)
      let own = try await storage.budget(100, of: user.id)
      #expect(own.spent == 70)
      #expect(own.reserved == 30)
      #expect(try await storage.budgets.budgets(of: ada.owner, at: seconds(0)) == [whole.with(reserved: 30), own])
      #expect(try await storage.admit(ada.call(cost: 11), UsageLimits())?.scope == .user)
      #expect(try await storage.admit(bob.call(cost: 11), UsageLimits()) == nil)
      // The amount changes, and the budget stays the same one.
      let raised = try await storage.budget(500, of: user.id)
      #expect(raised.id == own.id)
      #expect(try await storage.admit(ada.call(cost: 11), UsageLimits()) == nil)
      await #expect(throws: StorageFailure.notFound) { _ = try await storage.budget(1, of: .random()) }
      await #expect(throws: StorageFailure.notFound) {
        _ = try await storage.budget(1, of: user.id, in: otherOrganization)
      }
    }
  }

  @Test(
    "an override lets calls pass until its time, and is written down with the others", arguments: StorageUnderTest.all)
  func override(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let ada = Caller(owner: .sample())
      let budget = try await storage.budget(0)
      #expect(try await storage.admit(ada.call(cost: 1), UsageLimits())?.limit == .budget)
      let given = BudgetOverride(expiresAt: seconds(10), reason: "The report is due", actor: .random())
      let entry = AuditEntry.sample(.budgetOverridden, at: 1)
      #expect(try await storage.budgets.override(budget.id, with: given, entry: entry).override == given)
      #expect(try await storage.admit(ada.call(cost: 1, at: 9), UsageLimits()) == nil)
      #expect(try await storage.admit(ada.call(cost: 1, at: 10), UsageLimits())?.limit == .budget)
      let ended = try await storage.budgets.override(
        budget.id, with: nil, entry: .sample(.budgetOverrideEnded, at: 2))
      #expect(ended.override == nil)
      #expect(try await storage.admit(ada.call(cost: 1, at: 9), UsageLimits())?.limit == .budget)
      await #expect(throws: StorageFailure.notFound) {
        _ = try await storage.budgets.override(
          budget.id, with: given, entry: .sample(.budgetOverridden, in: otherOrganization))
      }
      await #expect(throws: StorageFailure.notFound) {
        try await storage.budgets.delete(budget.id, entry: .sample(.budgetDeleted, in: otherOrganization))
      }
      try await storage.budgets.delete(budget.id, entry: .sample(.budgetDeleted, at: 3))
      #expect(try await storage.admit(ada.call(cost: 1, at: 9), UsageLimits()) == nil)
      let log = try await storage.budgets.auditEntries(in: organization, page: PageRequest(size: 3))
      #expect(log.items.map(\.action) == [.budgetDeleted, .budgetOverrideEnded, .budgetOverridden])
      #expect(log.items.last == entry.about(budget.id))
      let rest = try await storage.budgets.auditEntries(in: organization, page: PageRequest(size: 3, after: log.next))
      #expect(rest.items.map(\.action) == [.budgetSet])
      #expect(try await storage.budgets.auditEntries(in: otherOrganization, page: PageRequest()).items.isEmpty)
    }
  }

  @Test("budgets are listed page by page, of one tenant", arguments: StorageUnderTest.all)
  func list(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      var made: [Budget] = [try await storage.budget(1)]
      for name in ["a", "b", "c"] {
        let user = try await storage.users.insert(try .sample(name), passwordHash: nil, roleIfFirst: nil)
        made.append(try await storage.budget(2, of: user.id))
      }
      _ = try await storage.budget(9, in: otherOrganization)
      let sorted = made.sorted { $1.id < $0.id }
      let first = try await storage.budgets.budgets(in: organization, at: seconds(0), page: PageRequest(size: 3))
      #expect(first.items == Array(sorted.prefix(3)))
      let second = try await storage.budgets.budgets(
        in: organization, at: seconds(0), page: PageRequest(size: 3, after: first.next))
      #expect(second.items == Array(sorted.suffix(1)))
      #expect(second.next == nil)
    }
  }
}

extension Budget {
  fileprivate func with(reserved: Int) -> Budget {
    var budget = self
    budget.reserved = reserved
    return budget
  }
}
