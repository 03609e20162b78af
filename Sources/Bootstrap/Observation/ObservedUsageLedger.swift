import Application
import Domain
import FoundationEssentials
import Metrics
import Tracing

/// Counts tokens and what they cost, and records spans of admission and settlement, around any ledger.
struct ObservedUsageLedger: UsageLedger {
  let ledger: any UsageLedger

  func reserve(
    _ call: MeteredCall, limits: UsageLimits, rules: BudgetRules
  ) async throws(StorageFailure) -> UsageRefusal? {
    try await withTracedSpan(SpanName.quota, ofKind: .client) { span throws(StorageFailure) in
      let refusal = try await ledger.reserve(call, limits: limits, rules: rules)
      // A refusal is an answer, and no failure.
      if let refusal, span.isRecording { span.attributes["opentier.quota.refused"] = "\(refusal.limit)" }
      return refusal
    }
  }

  func settle(_ record: UsageRecord, rules: BudgetRules) async throws(StorageFailure) -> [BudgetAlert] {
    let alerts = try await withTracedSpan(SpanName.usage, ofKind: .client) { _ throws(StorageFailure) in
      try await ledger.settle(record, rules: rules)
    }
    count(record)
    return alerts
  }

  private func count(_ record: UsageRecord) {
    let labels = [
      ("model", record.model ?? "unknown"), ("organization", "\(record.owner.organizationID)"),
    ]
    for (kind, tokens) in [("prompt", record.usage.promptTokens), ("completion", record.usage.completionTokens)]
    where tokens > 0 {
      Counter(label: "ai_tokens_total", dimensions: labels + [("kind", kind)]).increment(by: tokens)
    }
    if record.cost > 0 {
      FloatingPointCounter(label: "ai_cost_total", dimensions: labels).increment(by: Double(record.cost) / 1_000_000)
    }
  }

  func release(_ id: UsageCallID, of owner: Owner) async throws(StorageFailure) {
    try await ledger.release(id, of: owner)
  }

  func extend(_ ids: [UsageCallID], until time: Date) async throws(StorageFailure) {
    try await ledger.extend(ids, until: time)
  }

  func expired(at time: Date, limit: Int) async throws(StorageFailure) -> [MeteredCall] {
    try await ledger.expired(at: time, limit: limit)
  }

  func report(_ query: UsageQuery) async throws(StorageFailure) -> UsageReport { try await ledger.report(query) }
}
