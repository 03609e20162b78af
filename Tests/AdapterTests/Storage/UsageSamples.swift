import Application
import Domain
import Foundation

/// What the tests of metering call with.
struct Caller: Sendable {
  var owner: Owner
  var key: APIKeyID?
  var isAdmin = false

  func call(
    _ kind: UsageKind = .chat, tokens: Int = 100, cost: Int = 0, at offset: Int64 = 0, holdsFor: Int64 = 60
  ) -> MeteredCall {
    MeteredCall(
      id: .random(), owner: owner, apiKeyID: key, isExemptFromFirstDay: isAdmin, kind: kind, model: "m",
      tokens: tokens, cost: cost, startedAt: seconds(offset), expiresAt: seconds(offset + holdsFor))
  }
}

extension MeteredCall {
  /// What it used in the end.
  func used(
    _ prompt: Int, _ completion: Int = 0, cost: Int = 0, model: String? = "m", as outcome: UsageOutcome = .completed
  ) -> UsageRecord {
    UsageRecord(
      id: id, owner: owner, apiKeyID: apiKeyID, kind: kind, model: model,
      usage: TokenUsage(promptTokens: prompt, completionTokens: completion), cost: cost, outcome: outcome,
      startedAt: startedAt)
  }
}

extension OpenStorage {
  /// Reserves under limits and the standard rules.
  func admit(_ call: MeteredCall, _ limits: UsageLimits) async throws -> UsageRefusal? {
    try await usage.reserve(call, limits: limits, rules: BudgetRules())
  }

  /// Sets a budget.
  func budget(
    _ limit: Int, of user: UserID? = nil, in organization: OrganizationID = organization, at offset: Int64 = 0
  ) async throws -> Budget {
    try await budgets.set(limit, for: user, id: .random(), entry: .sample(in: organization, at: offset))
  }

  /// How often budgets have told a share, by share.
  func alerts() async throws -> [String: Int] {
    let events = try await outbox.claim(limit: 1_000, at: seconds(0), leaseFor: 1)?.events ?? []
    return events.filter { $0.kind == .budgetReached }.reduce(into: [:]) { counts, event in
      counts[event.attributes["percent"] ?? "", default: 0] += 1
    }
  }
}

extension AuditEntry {
  static func sample(
    _ action: Action = .budgetSet, in organization: OrganizationID = organization, at offset: Int64 = 0
  ) -> AuditEntry {
    AuditEntry(
      id: .random(), organizationID: organization, actorID: .random(), action: action, subjectID: UUID(),
      details: ["reason": "Grüße"], occurredAt: seconds(offset))
  }
}
