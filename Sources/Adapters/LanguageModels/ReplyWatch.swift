import NIOCore
import Synchronization

/// Ends a provider's call that takes too long, and keeps what is known of it meanwhile.
final class ReplyWatch: Sendable {
  /// Which time ran out.
  enum Expiry: Error, Hashable {
    case firstToken, gap, whole
  }

  private struct State {
    /// When the provider must have sent something, and what it is if not; `nil` while the reader has the turn.
    var next: (deadline: ContinuousClock.Instant, expiry: Expiry)?
    var isOver = false
    var waiter: CheckedContinuation<Expiry?, Never>?
    var timer: Scheduled<Void>?
  }

  private let end: ContinuousClock.Instant
  private let gap: Duration
  /// The shortest time that a deadline is ever away when it is set: no sleep is longer, so none is overslept.
  private let stride: Duration
  private let state: Mutex<State>

  init(firstToken: Duration, gap: Duration, whole: Duration) {
    let now = ContinuousClock.now
    end = now + whole
    self.gap = gap
    stride = min(gap, firstToken)
    state = Mutex(State(next: (now + firstToken, .firstToken)))
  }

  /// The reader has the turn: the provider is not waited for.
  func pause() { state.withLock { $0.next = nil } }

  /// The provider has the turn again.
  func resume() { state.withLock { $0.next = (.now + gap, .gap) } }

  /// Runs a call until it is done or a time runs out; it is cancelled then, and has ended when this returns.
  ///
  /// The time is kept by an event loop: a task that sleeps beside each call would cost more than many a call.
  func run<Value: Sendable>(
    on eventLoop: any EventLoop, _ call: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
      group.addTask {
        defer { self.finish(with: nil) }
        return try await call()
      }
      let expiry = await untilFinished(eventLoop)
      if expiry != nil { group.cancelAll() }
      let result = await group.nextResult()
      if let expiry, (try? result?.get()) == nil { throw expiry }
      guard let result else { throw CancellationError() }
      return try result.get()
    }
  }

  private func untilFinished(_ eventLoop: any EventLoop) async -> Expiry? {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if !state.isOver { state.waiter = continuation }
        return state.isOver
      }
      if isOver { continuation.resume(returning: nil) } else { look(on: eventLoop) }
    }
  }

  /// Looks whether a time has run out, and again when the next may have.
  private func look(on eventLoop: any EventLoop) {
    let now = ContinuousClock.now
    let next: (deadline: ContinuousClock.Instant, expiry: Expiry)? = state.withLock { $0.next }
    if now >= end { return finish(with: .whole) }
    if let next, now >= next.deadline { return finish(with: next.expiry) }
    let wait = now.duration(to: min(end, next?.deadline ?? end, now + stride))
    let timer = eventLoop.scheduleTask(in: .nanoseconds(Int64(wait / .nanoseconds(1)) + 1)) { self.look(on: eventLoop) }
    let isOver = state.withLock { state in
      state.timer = timer
      return state.isOver
    }
    if isOver { timer.cancel() }
  }

  private func finish(with expiry: Expiry?) {
    let (waiter, timer) = state.withLock { state in
      let (waiter, timer) = (state.waiter, state.timer)
      (state.isOver, state.waiter, state.timer) = (true, nil, nil)
      return (waiter, timer)
    }
    timer?.cancel()
    waiter?.resume(returning: expiry)
  }
}
