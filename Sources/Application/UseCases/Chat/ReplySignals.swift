package import Domain
import Synchronization

/// Wakes the readers of replies in this process when there may be something to read.
package final class ReplySignals: Sendable {
  private struct Entry {
    let signal = Signal()
    var readers = 0
  }

  private let entries = Mutex<[MessageID: Entry]>([:])

  /// Makes a register without readers.
  package init() {}

  /// Wakes the readers of a reply.
  package func notify(_ reply: MessageID) { entries.withLock { $0[reply]?.signal }?.notify() }

  /// Wakes all: nobody knows what was missed.
  package func notifyAll() {
    for signal in entries.withLock({ $0.values.map(\.signal) }) { signal.notify() }
  }

  /// Runs a reader with the signal of its reply.
  func reading<Value: Sendable>(_ reply: MessageID, _ body: (Signal) async -> Value) async -> Value {
    let signal = entries.withLock { entries in
      entries[reply, default: Entry()].readers += 1
      return entries[reply]?.signal ?? Signal()
    }
    defer {
      entries.withLock { entries in
        entries[reply]?.readers -= 1
        if entries[reply]?.readers == 0 { entries[reply] = nil }
      }
    }
    return await body(signal)
  }
}
