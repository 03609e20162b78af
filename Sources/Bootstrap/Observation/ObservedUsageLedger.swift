import Application
import Domain
import FoundationEssentials
import Metrics
import Synchronization
import Tracing

/// Counts tokens and what they cost, and records spans of admission and settlement, around any ledger.
struct ObservedUsageLedger: UsageLedger {
  private let ledger: any UsageLedger
  private let counters = UsageMetrics()

  init(ledger: any UsageLedger) { self.ledger = ledger }

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
    counters.count(record)
    return alerts
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

/// The counters of what was used, kept: to ask the registry for one takes longer than to use it.
private final class UsageMetrics: Sendable {
  /// The most models of organisations that are kept; those of more are asked for anew.
  private static let maximumCount = 1_000

  private struct Key: Hashable {
    let model: String
    let organization: OrganizationID

    var labels: [(String, String)] { [("model", model), ("organization", "\(organization)")] }
  }

  private struct Counters {
    var prompt: Counter?
    var completion: Counter?
    var cost: FloatingPointCounter?
  }

  private let counters = Mutex<[Key: Counters]>([:])

  func count(_ record: UsageRecord) {
    let key = Key(model: record.model ?? "unknown", organization: record.owner.organizationID)
    counters.withLock { all in
      if all[key] == nil, all.count >= Self.maximumCount { all = [:] }
      // One that counts nothing is not shown.
      if record.usage.promptTokens > 0 {
        all[key, default: Counters()].prompt.orMade { tokens(key, "prompt") }.increment(by: record.usage.promptTokens)
      }
      if record.usage.completionTokens > 0 {
        all[key, default: Counters()].completion.orMade { tokens(key, "completion") }
          .increment(by: record.usage.completionTokens)
      }
      if record.cost > 0 {
        all[key, default: Counters()].cost.orMade {
          FloatingPointCounter(label: "ai_cost_total", dimensions: key.labels)
        }
        .increment(by: Double(record.cost) / 1_000_000)
      }
    }
  }

  private func tokens(_ key: Key, _ kind: String) -> Counter {
    Counter(label: "ai_tokens_total", dimensions: key.labels + [("kind", kind)])
  }
}

extension Optional {
  /// What is there, or is made now and stays.
  fileprivate mutating func orMade(_ make: () -> Wrapped) -> Wrapped {
    if let value = self { return value }
    let value = make()
    self = value
    return value
  }
}
