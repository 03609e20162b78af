import Synchronization

/// Takes the parts of a model's reply to whoever reads it.
package typealias ReplyReader = PartReader<String, ModelFailure>

/// Takes the events of a completion to whoever reads it.
package typealias CompletionReader = PartReader<CompletionEvent, UseCaseFailure>

/// Takes the parts of something to whoever reads it, in two steps: taking a part, and waiting until there may be another.
///
/// Most parts need no wait: such a part goes from the model's connection to the reader's in one turn of an event loop, and
/// no task has to be woken for it.
package struct PartReader<Part: Sendable, Failure: Error>: Sendable {
  /// Takes the next part, on whatever thread it comes, and without waiting. Whether there may be another at once; if not,
  /// ``untilReady`` comes before it. One part is taken at a time.
  package let take: @Sendable (Part) throws(Failure) -> Bool
  /// Returns when there may be another part.
  package let untilReady: @Sendable () async throws(Failure) -> Void

  /// Makes a reader of its two steps.
  package init(
    take: @escaping @Sendable (Part) throws(Failure) -> Bool,
    untilReady: @escaping @Sendable () async throws(Failure) -> Void
  ) {
    self.take = take
    self.untilReady = untilReady
  }

  /// Makes a reader that is waited for after each part.
  ///
  /// - Parameter emit: takes a part, and returns when there may be another.
  package init(_ emit: @escaping @Sendable (Part) async throws(Failure) -> Void) {
    let held = HeldPart<Part>()
    self.init { part throws(Failure) in
      held.hold(part)
      return false
    } untilReady: { () throws(Failure) in
      if let part = held.release() { try await emit(part) }
    }
  }

  /// Takes a part, and returns when there may be another.
  package func write(_ part: Part) async throws(Failure) {
    if !(try take(part)) { try await untilReady() }
  }
}

/// What was taken and is yet to be handed on.
private final class HeldPart<Part: Sendable>: Sendable {
  private let part = Mutex<Part?>(nil)

  func hold(_ next: Part) { part.withLock { $0 = next } }

  func release() -> Part? { part.withLock { $0.take() } }
}
