import NIOCore
import Synchronization

/// Ends the calls of one model that take too long.
///
/// One timer looks at all of them in turn, since a timer of each call, moved with each part of each reply, would cost more
/// than many a call. So a time may be over by up to an eighth, and by no more than ``maximumStride``, before it is noticed.
final class ReplyWatches: Sendable {
  /// The longest that passes between two looks.
  static let maximumStride = Duration.milliseconds(250)

  private struct State {
    var watches: [ObjectIdentifier: ReplyWatch] = [:]
    var isLooking = false
  }

  private let times: HTTPLanguageModel.Configuration.Timeouts
  private let stride: TimeAmount
  private let state = Mutex(State())

  init(_ times: HTTPLanguageModel.Configuration.Timeouts) {
    self.times = times
    let shortest = min(times.firstToken, times.gap, times.whole)
    stride = .nanoseconds(Int64(min(max(shortest / 8, .milliseconds(1)), Self.maximumStride) / .nanoseconds(1)))
  }

  /// Watches a call until ``end(_:)``.
  ///
  /// - Parameter isWhole: whether the answer comes at once: then nothing can be said before its end.
  func begin(isWhole: Bool, on eventLoop: any EventLoop) -> ReplyWatch {
    let watch = ReplyWatch(times, isWhole: isWhole)
    let isFirst = state.withLock { state in
      state.watches[ObjectIdentifier(watch)] = watch
      defer { state.isLooking = true }
      return !state.isLooking
    }
    if isFirst { look(on: eventLoop) }
    return watch
  }

  /// The call has ended.
  func end(_ watch: ReplyWatch) { state.withLock { $0.watches[ObjectIdentifier(watch)] = nil } }

  private func look(on eventLoop: any EventLoop) {
    eventLoop.scheduleTask(in: stride) { [self] in
      let watches = state.withLock { state in
        state.isLooking = !state.watches.isEmpty
        return state.watches
      }
      guard !watches.isEmpty else { return }
      let now = ContinuousClock.now
      for watch in watches.values { watch.look(at: now) }
      look(on: eventLoop)
    }
  }
}

/// Ends one call of a provider that takes too long, or whose task is cancelled.
final class ReplyWatch: Sendable {
  /// Which time ran out.
  enum Expiry: Error, Hashable {
    case firstToken, gap, whole
  }

  private struct State {
    /// When the provider must have sent something, and what it is if not; `nil` while the reader has the turn.
    var next: (deadline: ContinuousClock.Instant, expiry: Expiry)?
    /// What has ended the call: an ``Expiry``, or that its task was cancelled.
    var end: (any Error)?
    var exchange: ProviderExchange?
    /// Whether what is limited has ended, and who waits for that.
    var isBodyOver = true
    var waiter: CheckedContinuation<Void, Never>?
  }

  private let end: ContinuousClock.Instant
  private let gap: Duration
  /// Whether a text has come since somebody looked.
  private let hasNews = Atomic(false)
  private let state: Mutex<State>

  fileprivate init(_ times: HTTPLanguageModel.Configuration.Timeouts, isWhole: Bool) {
    let now = ContinuousClock.now
    end = now + times.whole
    gap = times.gap
    state = Mutex(State(next: (now + (isWhole ? times.whole : times.firstToken), .firstToken)))
  }

  /// The call goes on with an exchange: it fails when a time runs out or the task is cancelled, or at once where that was.
  func follow(_ exchange: ProviderExchange) {
    let end = state.withLock { state in
      state.exchange = exchange
      return state.end
    }
    if let end { Self.end(exchange, end) }
  }

  /// The task of the call was cancelled.
  func cancel() { end(with: CancellationError()) }

  /// A text has come, and the provider has the turn still, or again.
  func note() { hasNews.store(true, ordering: .relaxed) }

  /// The reader has the turn: the provider is not waited for, and only the time of the whole call runs out.
  func pause() { state.withLock { $0.next = nil } }

  /// The provider has the turn again.
  func resume() {
    let deadline = ContinuousClock.now + gap
    state.withLock { $0.next = (deadline, .gap) }
  }

  /// Runs what may wait for the reader as well as for the provider; it is cancelled when the call ends, and has ended when
  /// this returns.
  ///
  /// A task of its own, which a call needs whose reader is waited for: what it waits for does not know the call.
  func limiting(_ body: @escaping @Sendable () async throws -> Void) async throws {
    state.withLock { $0.isBodyOver = false }
    let result = await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { self.bodyHasEnded() }
        try await body()
      }
      await untilBodyHasEnded()
      if ending != nil { group.cancelAll() }
      return await group.nextResult()
    }
    if let ending { throw ending }
    try result?.get()
  }

  private var ending: (any Error)? { state.withLock { $0.end } }

  private func untilBodyHasEnded() async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        let isOver = state.isBodyOver || state.end != nil
        if !isOver { state.waiter = continuation }
        return isOver
      }
      if isOver { continuation.resume() }
    }
  }

  private func bodyHasEnded() {
    let waiter = state.withLock { state in
      state.isBodyOver = true
      return state.waiter.take()
    }
    waiter?.resume()
  }

  /// Looks whether a time has run out.
  fileprivate func look(at now: ContinuousClock.Instant) {
    let hasNews = hasNews.exchange(false, ordering: .relaxed)
    let expiry: Expiry? = state.withLock { state in
      if hasNews, state.next != nil { state.next = (now + gap, .gap) }
      if now >= end { return .whole }
      return state.next.flatMap { now >= $0.deadline ? $0.expiry : nil }
    }
    if let expiry { end(with: expiry) }
  }

  private func end(with error: any Error) {
    let (isFirst, exchange, waiter) = state.withLock { state in
      let isFirst = state.end == nil
      if isFirst { state.end = error }
      return (isFirst, state.exchange, state.waiter.take())
    }
    waiter?.resume()
    if isFirst, let exchange { Self.end(exchange, error) }
  }

  private static func end(_ exchange: ProviderExchange, _ error: any Error) {
    exchange.fail(error)
    exchange.leave(closing: true)
  }
}
