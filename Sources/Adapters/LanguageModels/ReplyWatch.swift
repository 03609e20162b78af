import NIOCore
import Synchronization

/// Ends the calls of one model that take too long.
///
/// One timer looks at all of them in turn, since a timer of each call, moved with each part of each reply, would cost more
/// than many a call. So a time may be over by up to an eighth, and by no more than ``maximumStride``, before it is noticed.
final class ReplyWatches: Sendable {
  /// The times that a provider has.
  struct Times: Sendable {
    /// Until the first text.
    let firstToken: Duration
    /// From one text to the next.
    let gap: Duration
    /// Until the end.
    let whole: Duration
  }

  /// The longest that passes between two looks.
  static let maximumStride = Duration.milliseconds(250)

  private struct State {
    var watches: [ObjectIdentifier: ReplyWatch] = [:]
    var isLooking = false
  }

  private let times: Times
  private let stride: TimeAmount
  private let state = Mutex(State())

  init(_ times: Times) {
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

/// Ends one call of a provider that takes too long.
final class ReplyWatch: Sendable {
  /// Which time ran out.
  enum Expiry: Error, Hashable {
    case firstToken, gap, whole
  }

  private struct State {
    /// When the provider must have sent something, and what it is if not; `nil` while the reader has the turn.
    var next: (deadline: ContinuousClock.Instant, expiry: Expiry)?
    var expiry: Expiry?
    var exchange: ProviderExchange?
    /// Whether the reader is waited for, and who does.
    var isReaderReady = true
    var waiter: CheckedContinuation<Void, Never>?
  }

  private let end: ContinuousClock.Instant
  private let gap: Duration
  /// Whether a text has come since somebody looked.
  private let hasNews = Atomic(false)
  private let state: Mutex<State>

  fileprivate init(_ times: ReplyWatches.Times, isWhole: Bool) {
    let now = ContinuousClock.now
    end = now + times.whole
    gap = times.gap
    state = Mutex(State(next: (now + (isWhole ? times.whole : times.firstToken), .firstToken)))
  }

  /// The call goes on with an exchange: it fails when a time runs out, or at once when one has.
  func follow(_ exchange: ProviderExchange) {
    let expiry = state.withLock { state in
      state.exchange = exchange
      return state.expiry
    }
    if let expiry { Self.end(exchange, expiry) }
  }

  /// A text has come, and the provider has the turn still, or again.
  func note() { hasNews.store(true, ordering: .relaxed) }

  /// Waits for the reader, whose time is not the provider's: only that of the whole call runs out meanwhile.
  ///
  /// - Throws: what the reader throws, or the expiry; the wait has ended when this returns.
  func wait(for reader: @escaping @Sendable () async throws -> Void) async throws {
    state.withLock { ($0.next, $0.isReaderReady) = (nil, false) }
    let result = await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { self.readerHasEnded() }
        try await reader()
      }
      await untilReaderHasEnded()
      if expiry != nil { group.cancelAll() }
      return await group.nextResult()
    }
    if let expiry { throw expiry }
    try result?.get()
    let deadline = ContinuousClock.now + gap
    state.withLock { $0.next = (deadline, .gap) }
  }

  private var expiry: Expiry? { state.withLock { $0.expiry } }

  private func untilReaderHasEnded() async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        let isOver = state.isReaderReady || state.expiry != nil
        if !isOver { state.waiter = continuation }
        return isOver
      }
      if isOver { continuation.resume() }
    }
  }

  private func readerHasEnded() {
    let waiter = state.withLock { state in
      state.isReaderReady = true
      return state.waiter.take()
    }
    waiter?.resume()
  }

  /// Looks whether a time has run out.
  fileprivate func look(at now: ContinuousClock.Instant) {
    let hasNews = hasNews.exchange(false, ordering: .relaxed)
    let expired: (Expiry, ProviderExchange?, CheckedContinuation<Void, Never>?)? = state.withLock { state in
      guard state.expiry == nil else { return nil }
      if hasNews, state.next != nil { state.next = (now + gap, .gap) }
      if now >= end {
        state.expiry = .whole
      } else if let next = state.next, now >= next.deadline {
        state.expiry = next.expiry
      }
      return state.expiry.map { ($0, state.exchange, state.waiter.take()) }
    }
    guard let (expiry, exchange, waiter) = expired else { return }
    waiter?.resume()
    if let exchange { Self.end(exchange, expiry) }
  }

  private static func end(_ exchange: ProviderExchange, _ expiry: Expiry) {
    exchange.fail(expiry)
    exchange.leave(closing: true)
  }
}
