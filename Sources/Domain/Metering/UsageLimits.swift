package import FoundationEssentials

/// Whose calls are counted together. A call counts for its organisation, its user and, where it shows one, its API key,
/// and is admitted only where all of them have room; storage locks their counters in the order of the cases.
package enum UsageScope: String, CaseIterable, Hashable, Sendable {
  /// All of a tenant's calls.
  case organization
  /// All calls of a user, with whichever key.
  case user
  /// The calls with one API key.
  case apiKey
}

/// What can be used up.
package enum UsageLimit: String, CaseIterable, Hashable, Sendable {
  /// Requests of the last while, by a token bucket.
  case requestsPerMinute
  /// Replies that are being written at once.
  case concurrentStreams
  /// Tokens of the calls that began on this day, in UTC.
  case tokensPerDay
  /// Requests of an account's first 24 hours.
  case firstDayRequests
  /// What a month may cost.
  case budget

  /// Whether it is a matter of seconds: it has room again by itself soon, unlike a quota that is used up.
  package var isRate: Bool { self == .requestsPerMinute || self == .concurrentStreams }
}

/// How fast requests may come: a bucket that holds ``burst`` of them and is filled again at ``perMinute``.
///
/// Kept as one number, the time up to which requests are accounted for (GCRA: ITU-T I.371, "virtual scheduling"), in whole
/// microseconds, so that every adapter computes the same.
package struct RequestRate: Hashable, Sendable {
  /// The most requests of a minute: one each microsecond.
  package static let maximum = 60_000_000

  /// How many come back in a minute, 1 to ``maximum``.
  package let perMinute: Int
  /// How many may come at once when none came for long, at least 1.
  package let burst: Int

  /// Makes a rate; `nil` outside of what its numbers may be.
  package init?(perMinute: Int, burst: Int) {
    guard (1...Self.maximum).contains(perMinute), (1...Self.maximum).contains(burst) else { return nil }
    self.perMinute = perMinute
    self.burst = burst
  }

  /// Microseconds from one request to the next at the full rate, rounded up.
  package var interval: Int64 { Int64((60_000_000 + perMinute - 1) / perMinute) }

  /// How long a request has to wait; 0 and below let it pass.
  ///
  /// - Parameters:
  ///   - accounted: up to when requests are accounted for, in microseconds since 1970; 0 for none yet.
  ///   - now: in microseconds since 1970.
  package func wait(accounted: Int64, at now: Int64) -> Int64 {
    max(accounted, now) - now - interval * Int64(burst - 1)
  }

  /// Up to when requests are accounted for once another has passed.
  package func accounting(_ accounted: Int64, at now: Int64) -> Int64 { max(accounted, now) + interval }
}

/// What calls of one ``UsageScope`` may use; `nil` is without limit.
package struct ScopeLimits: Hashable, Sendable {
  /// How fast requests may come.
  package var rate: RequestRate?
  /// Replies at once, at least 1.
  package var concurrentStreams: Int?
  /// Tokens of a day, at least 1.
  package var tokensPerDay: Int?

  /// Makes limits.
  package init(rate: RequestRate? = nil, concurrentStreams: Int? = nil, tokensPerDay: Int? = nil) {
    self.rate = rate
    self.concurrentStreams = concurrentStreams
    self.tokensPerDay = tokensPerDay
  }

  /// Whether anything is limited.
  package var isLimited: Bool { rate != nil || concurrentStreams != nil || tokensPerDay != nil }
}

/// All limits of a deployment.
package struct UsageLimits: Hashable, Sendable {
  /// How long an account is new, in seconds.
  package static let firstDay: TimeInterval = 86_400

  /// Of a whole tenant.
  package var organization = ScopeLimits()
  /// Of each user.
  package var user = ScopeLimits()
  /// Of each API key.
  package var apiKey = ScopeLimits()
  /// Requests of an account in its first 24 hours, but for admins, at least 1; `nil` is without limit.
  package var firstDayRequests: Int?

  /// No limits.
  package init() {}

  /// The limits of a scope.
  package subscript(_ scope: UsageScope) -> ScopeLimits {
    switch scope {
    case .organization: organization
    case .user: user
    case .apiKey: apiKey
    }
  }
}

/// Why a call was not admitted.
package struct UsageRefusal: Hashable, Sendable {
  /// What is used up.
  package let limit: UsageLimit
  /// Whose limit it is.
  package let scope: UsageScope
  /// The limit: a number of requests, streams or tokens, or for a budget millionths of the currency.
  package let maximum: Int
  /// When there is room again, in microseconds from now; `nil` where that depends on what others do.
  package let wait: Int64?

  /// Makes a refusal.
  package init(limit: UsageLimit, scope: UsageScope, maximum: Int, wait: Int64?) {
    self.limit = limit
    self.scope = scope
    self.maximum = maximum
    self.wait = wait
  }
}
