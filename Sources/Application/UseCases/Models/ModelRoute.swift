package import Domain
import Synchronization

/// The time and the dice of a route, which tests hold still.
package struct RouteClock: Sendable {
  /// Since any fixed instant; never goes back.
  package let now: @Sendable () -> Duration
  /// Waits; throws when the task is cancelled.
  package let sleep: @Sendable (Duration) async throws -> Void
  /// From 0 up to 1.
  package let random: @Sendable () -> Double

  /// Makes a clock.
  package init(
    now: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void,
    random: @escaping @Sendable () -> Double
  ) {
    self.now = now
    self.sleep = sleep
    self.random = random
  }

  /// The machine's own.
  package static var system: RouteClock {
    let start = ContinuousClock.now
    return RouteClock(
      now: { ContinuousClock.now - start }, sleep: { try await Task.sleep(for: $0) },
      random: { Double.random(in: 0..<1) })
  }
}

/// One model that routes lead to, with its breaker and its limit, which all routes to it share.
package final class ModelRouteTarget: Sendable {
  /// The model.
  package let model: any LanguageModel
  /// Its limit.
  package let slots: CallSlots
  private let breaker: Mutex<CircuitBreaker>

  /// Makes a target.
  package init(
    model: any LanguageModel, slots: CallSlots, breaker: CircuitBreaker.Settings = CircuitBreaker.Settings()
  ) {
    self.model = model
    self.slots = slots
    self.breaker = Mutex(CircuitBreaker(breaker))
  }

  /// Asks the breaker; `nil` lets the call pass, else how long it will not.
  func refusal(at now: Duration) -> Duration? {
    breaker.withLock { breaker in
      if case .waits(let time) = breaker.admit(at: now) { time } else { nil }
    }
  }

  /// Tells the breaker how a call ended.
  func ended(_ failure: ModelFailure?, at now: Duration) {
    breaker.withLock { breaker in
      switch failure {
      // Who refuses a request answers.
      case nil, .rejected, .tooLong: breaker.succeed()
      case .overloaded(_, let retryAfter):
        breaker.fail(at: now)
        if let retryAfter { breaker.rest(for: retryAfter, at: now) }
      case .unavailable, .misconfigured, .broken: breaker.fail(at: now)
      // These say nothing about the target.
      case .exhausted, .cancelled: breaker.abandon(at: now)
      }
    }
  }
}

/// A name that leads to one model or to several, the next where one fails.
///
/// Each target is tried once a round, in order, then, after a wait, once more. Only before the first text: what has been
/// said cannot be said again by another model, so a reply that fails later ends as it is.
///
/// A class, so that where a call waits it holds no more of it than a reference.
package final class ModelRoute: LanguageModel {
  package let name: String
  private let targets: [ModelRouteTarget]
  private let order: TargetOrder
  private let rounds: Int
  private let backOff: BackOff
  private let clock: RouteClock

  /// Makes a route.
  ///
  /// - Parameters:
  ///   - targets: at least one.
  ///   - rounds: how often each target is tried at most, above 0.
  package init(
    name: String, targets: [ModelRouteTarget], order: TargetOrder = .listed, rounds: Int = 2,
    backOff: BackOff = BackOff(), clock: RouteClock = .system
  ) {
    precondition(!targets.isEmpty && rounds > 0, "a route leads somewhere")
    self.name = name
    self.targets = targets
    self.order = order
    self.rounds = rounds
    self.backOff = backOff
    self.clock = clock
  }

  package var profiles: [ModelProfile] { targets.flatMap(\.model.profiles) }

  package func unsupported(in request: ModelRequest) -> UnsupportedRequest? {
    var first: UnsupportedRequest?
    for target in targets {
      // One target that takes it will do.
      guard let unsupported = target.model.unsupported(in: request) else { return nil }
      first = first ?? unsupported
    }
    return first
  }

  package func reply(
    to request: ModelRequest, reader: ReplyReader
  ) async throws(ModelFailure) -> ReplyEnd {
    let order = order.places(of: targets.count, random: clock.random).map { targets[$0] }
    var last: ModelFailure?
    // The shortest that a breaker has asked for, where no target was asked.
    var rest: Duration?
    if let unsupported = unsupported(in: request) { throw ModelFailure(unsupported) }
    // A target that cannot take the request is not asked, and one that refused the key does so again.
    var hopeless = Set(order.indices.filter { order[$0].model.unsupported(in: request) != nil })
    for round in 0..<rounds {
      var notBefore: Duration?
      for (place, target) in order.enumerated() where !hopeless.contains(place) {
        if let refusal = target.refusal(at: clock.now()) {
          notBefore = min(notBefore ?? refusal, refusal)
          rest = notBefore
          continue
        }
        do throws(RouteFailure) {
          return try await attempt(target, request, reader)
        } catch {
          guard !error.hasBegun else { throw error.failure }
          switch error.failure {
          case .cancelled, .rejected, .tooLong: throw error.failure
          case .misconfigured: hopeless.insert(place)
          case .overloaded(_, let retryAfter): notBefore = min(notBefore ?? .seconds(86_400), retryAfter ?? .zero)
          case .unavailable, .broken: notBefore = .zero
          // Waiting in another queue behind a full one would only keep the user longer.
          case .exhausted: hopeless.insert(place)
          }
          last = error.failure
        }
      }
      guard round + 1 < rounds, hopeless.count < order.count,
        let wait = backOff.wait(after: round, notBefore: notBefore ?? .zero, random: clock.random())
      else { break }
      do { try await clock.sleep(wait) } catch { throw .cancelled }
    }
    throw last
      ?? .overloaded("the model \(name) has failed too often just now; try again in a while", retryAfter: rest)
  }

  private struct RouteFailure: Error {
    let failure: ModelFailure
    let hasBegun: Bool
  }

  // A function of its own, never inlined: small steps leave less unused of the memory that a task takes in pieces.
  @inline(never)
  private func attempt(
    _ target: ModelRouteTarget, _ request: ModelRequest, _ reader: ReplyReader
  ) async throws(RouteFailure) -> ReplyEnd {
    let watched = WatchedReader(reader)
    do throws(ModelFailure) {
      try await target.slots.enter()
      defer { target.slots.leave() }
      request.answering?.note(target.model.name)
      let end = try await target.model.reply(to: request, reader: watched.reader)
      target.ended(nil, at: clock.now())
      return end
    } catch {
      // What the reader throws is no fault of the target, which has replied.
      target.ended(watched.hasFailed ? nil : error, at: clock.now())
      throw RouteFailure(failure: error, hasBegun: watched.hasBegun)
    }
  }
}

/// Knows whether a reply has begun, and whether its reader has failed.
private final class WatchedReader: Sendable {
  private let next: ReplyReader
  private let begun = Atomic(false)
  private let failed = Atomic(false)

  init(_ reader: ReplyReader) { next = reader }

  var hasBegun: Bool { begun.load(ordering: .relaxed) }
  var hasFailed: Bool { failed.load(ordering: .relaxed) }

  var reader: ReplyReader {
    ReplyReader { part throws(ModelFailure) in
      self.begun.store(true, ordering: .relaxed)
      do throws(ModelFailure) { return try self.next.take(part) } catch {
        self.failed.store(true, ordering: .relaxed)
        throw error
      }
    } untilReady: { () throws(ModelFailure) in
      do throws(ModelFailure) { try await self.next.untilReady() } catch {
        self.failed.store(true, ordering: .relaxed)
        throw error
      }
    }
  }
}
