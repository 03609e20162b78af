package import FoundationEssentials

/// Names a metered call: its reservation, and then the record of what it used.
package typealias UsageCallID = Identifier<MeteredCall>

/// What is metered.
package enum UsageKind: String, CaseIterable, Hashable, Sendable {
  /// A reply in a conversation.
  case chat
  /// A dialogue or a text that a model went on with.
  case completion
  /// Texts turned into vectors.
  case embedding
  /// A search, which counts as a request and uses no tokens.
  case search

  /// Whether it keeps a stream open while it lasts.
  package var isStream: Bool { self == .chat || self == .completion }
}

/// A call that asks to be admitted, with the most that it is expected to use.
package struct MeteredCall: Hashable, Sendable {
  /// Its id.
  package let id: UsageCallID
  /// Whose it is.
  package let owner: Owner
  /// The API key that it shows, if any.
  package let apiKeyID: APIKeyID?
  /// Whether the quota of an account's first day is not for the caller.
  package let isExemptFromFirstDay: Bool
  /// What it does.
  package let kind: UsageKind
  /// The model's name, as the caller gave it.
  package let model: String?
  /// The tokens that it may use.
  package let tokens: Int
  /// What it may cost, in millionths of the currency.
  package let cost: Int
  /// When it began.
  package let startedAt: Date
  /// Until when the reservation holds, unless it is extended.
  package let expiresAt: Date

  /// Makes a call of its parts.
  package init(
    id: UsageCallID, owner: Owner, apiKeyID: APIKeyID?, isExemptFromFirstDay: Bool, kind: UsageKind, model: String?,
    tokens: Int, cost: Int, startedAt: Date, expiresAt: Date
  ) {
    self.id = id
    self.owner = owner
    self.apiKeyID = apiKeyID
    self.isExemptFromFirstDay = isExemptFromFirstDay
    self.kind = kind
    self.model = model
    self.tokens = tokens
    self.cost = cost
    self.startedAt = startedAt
    self.expiresAt = expiresAt
  }

  /// What it asks of each counter.
  package var demand: UsageDemand { UsageDemand(isStream: kind.isStream, tokens: tokens) }

  /// Who it counts for in a scope; `nil` where that is nobody.
  package func subject(_ scope: UsageScope) -> UUID? {
    switch scope {
    case .organization: owner.organizationID.uuid
    case .user: owner.userID.uuid
    case .apiKey: apiKeyID?.uuid
    }
  }
}

/// How a metered call ended.
package enum UsageOutcome: String, CaseIterable, Hashable, Sendable {
  /// With its whole answer.
  case completed
  /// With a failure, after it had used something.
  case failed
  /// Its reader left, or it was told to stop.
  case cancelled
  /// Nobody knows: its process died, so it counts as what it might have used.
  case lapsed
}

/// What a metered call used.
package struct UsageRecord: Hashable, Sendable {
  /// The call's id.
  package let id: UsageCallID
  /// Whose it is.
  package let owner: Owner
  /// The API key that it showed, if any.
  package let apiKeyID: APIKeyID?
  /// What it did.
  package let kind: UsageKind
  /// The model that answered, where one did.
  package let model: String?
  /// What it used.
  package let usage: TokenUsage
  /// What that cost, in millionths of the currency.
  package let cost: Int
  /// How it ended.
  package let outcome: UsageOutcome
  /// When it began: it counts for that day and that month.
  package let startedAt: Date

  /// Makes a record of its parts.
  package init(
    id: UsageCallID, owner: Owner, apiKeyID: APIKeyID?, kind: UsageKind, model: String?, usage: TokenUsage, cost: Int,
    outcome: UsageOutcome, startedAt: Date
  ) {
    self.id = id
    self.owner = owner
    self.apiKeyID = apiKeyID
    self.kind = kind
    self.model = model
    self.usage = usage
    self.cost = cost
    self.outcome = outcome
    self.startedAt = startedAt
  }

  /// What an open call counts as when nobody knows what it used: all that it might have.
  package init(lapsed call: MeteredCall) {
    self.init(
      id: call.id, owner: call.owner, apiKeyID: call.apiKeyID, kind: call.kind, model: call.model,
      usage: TokenUsage(promptTokens: call.tokens, completionTokens: 0), cost: call.cost, outcome: .lapsed,
      startedAt: call.startedAt)
  }

  /// Who it counts for in a scope; `nil` where that is nobody.
  package func subject(_ scope: UsageScope) -> UUID? {
    switch scope {
    case .organization: owner.organizationID.uuid
    case .user: owner.userID.uuid
    case .apiKey: apiKeyID?.uuid
    }
  }
}

extension TokenUsage {
  /// Both together; the largest number where they are more.
  package var total: Int {
    let (sum, overflows) = promptTokens.addingReportingOverflow(completionTokens)
    return overflows ? .max : sum
  }
}

/// What a settlement changes, by what storage knows of the call.
///
/// Whatever happened to the reservation, a call counts once and as what it used: where it was released or has lapsed, what
/// was taken back or assumed then is corrected.
package struct UsageSettlement: Hashable, Sendable {
  /// What the counters of the day are corrected by.
  package let tokens: Int
  /// What is no longer reserved of budgets.
  package let released: Int
  /// What is spent of budgets, beyond what was taken down before.
  package let cost: Int

  /// Decides; `nil` when nothing is to change.
  ///
  /// - Parameters:
  ///   - reservation: the reservation, if it is open.
  ///   - earlier: what was recorded of the call, where it is not open any more.
  package init?(of record: UsageRecord, reservation: (tokens: Int, cost: Int)?, earlier: UsageRecord?) {
    if let reservation {
      tokens = record.usage.total - reservation.tokens
      (released, cost) = (reservation.cost, record.cost)
    } else if record.outcome == .lapsed {
      // It was settled or released in the meantime.
      return nil
    } else if let earlier {
      guard earlier.outcome == .lapsed else { return nil }
      tokens = record.usage.total - earlier.usage.total
      (released, cost) = (0, record.cost - earlier.cost)
    } else {
      tokens = record.usage.total
      (released, cost) = (0, record.cost)
    }
  }
}

extension MeteredCall {
  /// Whether it asks for anything that is to be settled; else it only counts as a request.
  package var holdsAnything: Bool { kind.isStream || tokens > 0 || cost > 0 }

  /// The same, held until another time.
  package func extended(until time: Date) -> MeteredCall {
    MeteredCall(
      id: id, owner: owner, apiKeyID: apiKeyID, isExemptFromFirstDay: isExemptFromFirstDay, kind: kind, model: model,
      tokens: tokens, cost: cost, startedAt: startedAt, expiresAt: time)
  }
}
