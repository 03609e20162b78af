import Synchronization

/// What one task waits for and others give, once.
package final class Answer<Value: Sendable>: Sendable {
  private struct State {
    var value: Value?
    var continuation: CheckedContinuation<Value, Never>?
  }

  private let state = Mutex(State())

  /// Makes an answer that nobody has given yet.
  package init() {}

  /// Whether it is given.
  package var isGiven: Bool { state.withLock { $0.value != nil } }

  /// Waits for it. One task may.
  package func value() async -> Value {
    await withCheckedContinuation { continuation in
      let known = state.withLock { state in
        if state.value == nil { state.continuation = continuation }
        return state.value
      }
      if let known { continuation.resume(returning: known) }
    }
  }

  /// Gives it, unless it is given, and wakes whoever waits at once.
  package func give(_ value: Value) {
    let continuation = state.withLock { state in
      guard state.value == nil else { return nil as CheckedContinuation<Value, Never>? }
      state.value = value
      return state.continuation.take()
    }
    continuation?.resume(returning: value)
  }
}
