import Synchronization

/// Wakes those of this process who wait for something that may have happened: workers for a job, readers for an event.
/// They also look now and then, for what other processes did.
package final class Signal: Sendable {
  private struct State {
    var generation: UInt64 = 0
    var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var nextWaiter: UInt64 = 0
  }

  private let state = Mutex(State())

  /// Makes a signal that nobody waits on yet.
  package init() {}

  /// How often it was notified; read it before looking for work, and pass it to ``wait(since:)``.
  package var generation: UInt64 { state.withLock { $0.generation } }

  /// Wakes everyone who waits.
  package func notify() {
    let waiting = state.withLock { state in
      state.generation += 1
      defer { state.waiting = [:] }
      return Array(state.waiting.values)
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Waits until it is notified after `generation`, or the task is cancelled.
  package func wait(since generation: UInt64) async {
    let waiter = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDue = state.withLock { state in
          if state.generation != generation || Task.isCancelled { return true }
          state.waiting[waiter] = continuation
          return false
        }
        if isDue { continuation.resume() }
      }
    } onCancel: {
      let continuation = state.withLock { $0.waiting.removeValue(forKey: waiter) }
      continuation?.resume()
    }
  }

  /// The same, but no longer than `limit`.
  package func wait(since generation: UInt64, upTo limit: Duration) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.wait(since: generation) }
      group.addTask { try? await Task.sleep(for: limit) }  // Cancelled when the signal came first.
      await group.next()
      group.cancelAll()
    }
  }
}
