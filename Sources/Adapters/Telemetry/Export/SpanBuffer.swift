import Synchronization

/// The spans that have ended and are yet to be exported: so many at most, what comes beyond is counted and lost.
package final class SpanBuffer: Sendable {
  private struct State {
    var spans: [FinishedSpan] = []
    var dropped = 0
  }

  private let capacity: Int
  private let batch: Int
  private let state = Mutex(State())
  private let signals: AsyncStream<Void>
  private let signal: AsyncStream<Void>.Continuation

  /// Makes a buffer.
  ///
  /// - Parameters:
  ///   - capacity: the most spans that wait.
  ///   - batch: so many are worth an export.
  package init(capacity: Int = 2_048, batch: Int = 512) {
    self.capacity = capacity
    self.batch = batch
    (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Adds a span, if there is room; never waits.
  package func add(_ span: FinishedSpan) {
    let isWorthIt = state.withLock { state in
      guard state.spans.count < capacity else {
        state.dropped += 1
        return false
      }
      state.spans.append(span)
      return state.spans.count == batch
    }
    if isWorthIt { signal.yield() }
  }

  /// Takes the next batch, the oldest first, and how many were lost since the last one.
  package func take() -> (spans: [FinishedSpan], dropped: Int) {
    state.withLock { state in
      defer {
        state.spans.removeFirst(min(batch, state.spans.count))
        state.dropped = 0
      }
      return (Array(state.spans.prefix(batch)), state.dropped)
    }
  }

  /// Waits until there is a batch, at most so long; one reader at a time.
  package func wait(upTo time: Duration) async {
    if state.withLock({ $0.spans.count >= batch }) { return }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [signals] in
        for await _ in signals { return }
      }
      group.addTask { try? await Task.sleep(for: time) }  // Ends early only when cancelled, as the wait does.
      await group.next()
      group.cancelAll()
    }
  }
}
