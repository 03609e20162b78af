import Synchronization

/// Takes the parts of a model's reply to whoever reads it.
///
/// Taking a part and waiting until there may be another are two steps. Most parts need no wait: such a part goes from the
/// model's connection to the reader's in one turn of an event loop, and no task has to be woken for it.
package struct ReplyReader: Sendable {
  /// Takes the next part, never empty, on whatever thread it comes, and without waiting. Whether there may be another at once;
  /// if not, ``untilReady`` comes before it. One part is taken at a time.
  package let take: @Sendable (String) throws(ModelFailure) -> Bool
  /// Returns when there may be another part.
  package let untilReady: @Sendable () async throws(ModelFailure) -> Void

  /// Makes a reader of its two steps.
  package init(
    take: @escaping @Sendable (String) throws(ModelFailure) -> Bool,
    untilReady: @escaping @Sendable () async throws(ModelFailure) -> Void
  ) {
    self.take = take
    self.untilReady = untilReady
  }

  /// Makes a reader that is waited for after each part.
  ///
  /// - Parameter emit: takes a part, and returns when there may be another.
  package init(_ emit: @escaping @Sendable (String) async throws(ModelFailure) -> Void) {
    let held = HeldPart<String>()
    self.init { part throws(ModelFailure) in
      held.hold(part)
      return false
    } untilReady: { () throws(ModelFailure) in
      if let part = held.release() { try await emit(part) }
    }
  }

  /// Takes a part, and returns when there may be another.
  package func write(_ part: String) async throws(ModelFailure) {
    if !(try take(part)) { try await untilReady() }
  }
}

/// Takes the events of a completion to whoever reads it, in the two steps of ``ReplyReader``.
package struct CompletionReader: Sendable {
  /// Takes the next event, on whatever thread it comes, and without waiting. Whether there may be another at once; if not,
  /// ``untilReady`` comes before it. One event is taken at a time.
  package let take: @Sendable (CompletionEvent) throws(UseCaseFailure) -> Bool
  /// Returns when there may be another event.
  package let untilReady: @Sendable () async throws(UseCaseFailure) -> Void

  /// Makes a reader of its two steps.
  package init(
    take: @escaping @Sendable (CompletionEvent) throws(UseCaseFailure) -> Bool,
    untilReady: @escaping @Sendable () async throws(UseCaseFailure) -> Void
  ) {
    self.take = take
    self.untilReady = untilReady
  }

  /// Makes a reader that is waited for after each event.
  ///
  /// - Parameter emit: takes an event, and returns when there may be another.
  package init(_ emit: @escaping @Sendable (CompletionEvent) async throws(UseCaseFailure) -> Void) {
    let held = HeldPart<CompletionEvent>()
    self.init { event throws(UseCaseFailure) in
      held.hold(event)
      return false
    } untilReady: { () throws(UseCaseFailure) in
      if let event = held.release() { try await emit(event) }
    }
  }

  /// Takes an event, and returns when there may be another.
  package func write(_ event: CompletionEvent) async throws(UseCaseFailure) {
    if !(try take(event)) { try await untilReady() }
  }
}

/// What was taken and is yet to be handed on.
private final class HeldPart<Part: Sendable>: Sendable {
  private let part = Mutex<Part?>(nil)

  func hold(_ next: Part) { part.withLock { $0 = next } }

  func release() -> Part? { part.withLock { $0.take() } }
}
