package import FoundationEssentials

/// A day of UTC, counted from 1970-01-01.
package struct UsageDay: Hashable, Comparable, Sendable {
  /// Microseconds of a day.
  package static let length: Int64 = 86_400_000_000

  /// Days since 1970-01-01.
  package let number: Int

  /// A day by its number.
  package init(number: Int) { self.number = number }

  /// The day of a time.
  package init(_ time: Date) {
    let (day, rest) = time.microseconds.quotientAndRemainder(dividingBy: Self.length)
    number = Int(rest < 0 ? day - 1 : day)
  }

  /// Its first moment.
  package var start: Date { Date(microseconds: Int64(number) * Self.length) }
  /// The day after it.
  package var next: UsageDay { UsageDay(number: number + 1) }

  /// Orders by time.
  package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// What a call asks for.
package struct UsageDemand: Hashable, Sendable {
  /// Whether it keeps a stream open.
  package let isStream: Bool
  /// The tokens that it may use.
  package let tokens: Int

  /// Makes a demand.
  package init(isStream: Bool, tokens: Int) {
    self.isStream = isStream
    self.tokens = tokens
  }
}

/// What was used of one scope's limits.
package struct UsageCounter: Hashable, Sendable {
  /// Up to when requests are accounted for; see ``RequestRate``.
  package var accounted: Int64 = 0
  /// The day of ``tokens``.
  package var day = UsageDay(number: 0)
  /// The tokens of the calls that began on that day: those that have ended with what they used, open ones with what they
  /// may use.
  package var tokens = 0
  /// Requests of the account's first day.
  package var firstDayRequests = 0

  /// Nothing was used.
  package init() {}

  /// What is left of a day's tokens counts on that day alone.
  package func tokens(on day: UsageDay) -> Int { self.day == day ? tokens : 0 }

  /// Whether a call has to be refused; counts nothing.
  ///
  /// - Parameters:
  ///   - openStreams: how many streams are open.
  ///   - firstDayEnds: when the account is no longer new, and how many requests it may make until then; `nil` where that does
  ///     not matter.
  package func refusal(
    of demand: UsageDemand, scope: UsageScope, limits: ScopeLimits, openStreams: Int,
    firstDay: (ends: Date, requests: Int)? = nil, at time: Date
  ) -> UsageRefusal? {
    let now = time.microseconds
    if let rate = limits.rate {
      let wait = rate.wait(accounted: accounted, at: now)
      if wait > 0 {
        return UsageRefusal(limit: .requestsPerMinute, scope: scope, maximum: rate.perMinute, wait: wait)
      }
    }
    if demand.isStream, let maximum = limits.concurrentStreams, openStreams >= maximum {
      return UsageRefusal(limit: .concurrentStreams, scope: scope, maximum: maximum, wait: nil)
    }
    let today = UsageDay(time)
    if demand.tokens > 0, let maximum = limits.tokensPerDay, tokens(on: today) + demand.tokens > maximum {
      return UsageRefusal(
        limit: .tokensPerDay, scope: scope, maximum: maximum, wait: today.next.start.microseconds - now)
    }
    if let firstDay, firstDay.ends > time, firstDayRequests >= firstDay.requests {
      return UsageRefusal(
        limit: .firstDayRequests, scope: scope, maximum: firstDay.requests, wait: firstDay.ends.microseconds - now)
    }
    return nil
  }

  /// Counts a call that is admitted.
  ///
  /// - Parameter isOnFirstDay: whether it counts for the account's first day.
  package mutating func count(_ demand: UsageDemand, limits: ScopeLimits, isOnFirstDay: Bool, at time: Date) {
    if let rate = limits.rate { accounted = rate.accounting(accounted, at: time.microseconds) }
    let today = UsageDay(time)
    tokens = tokens(on: today) + demand.tokens
    day = today
    if isOnFirstDay { firstDayRequests += 1 }
  }

  /// Whether it says nothing any more, so that it is as good as none.
  ///
  /// - Parameter accountMadeAt: when the account was made that it counts for; `nil` where it counts for none.
  package func isIdle(accountMadeAt: Date?, at time: Date) -> Bool {
    let isNew = accountMadeAt.map { $0.addingTimeInterval(UsageLimits.firstDay) > time } ?? false
    return day < UsageDay(time) && accounted <= time.microseconds && (firstDayRequests == 0 || !isNew)
  }

  /// Corrects the tokens of a call that began on a day; a day that is over is left as it is.
  package mutating func correct(by tokens: Int, on day: UsageDay) {
    if self.day == day { self.tokens = max(0, self.tokens + tokens) }
  }
}
