import Domain
import Synchronization

/// The sketches of submissions that were looked at before: their contents never change.
///
/// What was sketched first is forgotten first. Each takes 2 KiB at most.
package final class PendingSketches: Sendable {
  /// What is known of a submission's text.
  enum Sketch: Sendable {
    /// Its sketch.
    case text(TextSketch)
    /// There is no text in it that can be read.
    case none
  }

  private struct State {
    var sketches: [SubmissionID: Sketch] = [:]
    var order: [SubmissionID] = []
  }

  private let capacity: Int
  private let state = Mutex(State())

  /// Makes room for so many.
  package init(capacity: Int) { self.capacity = capacity }

  /// What is known of a submission; `nil` when it was not looked at, or was forgotten.
  subscript(id: SubmissionID) -> Sketch? { state.withLock { $0.sketches[id] } }

  /// Remembers what a submission holds.
  func remember(_ sketch: Sketch, of id: SubmissionID) {
    state.withLock { state in
      guard state.sketches.updateValue(sketch, forKey: id) == nil else { return }
      state.order.append(id)
      guard state.order.count > capacity else { return }
      // A quarter at a time: removing from the front of an array moves the rest.
      let forgotten = max(1, capacity / 4)
      for id in state.order.prefix(forgotten) { state.sketches[id] = nil }
      state.order.removeFirst(forgotten)
    }
  }
}
