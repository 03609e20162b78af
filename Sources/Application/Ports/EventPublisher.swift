package import Domain

/// Why events were not handed on.
package enum PublishingFailure: Error, Hashable, Sendable {
  /// Whoever takes them does not answer; worth a later try.
  case unavailable(String)
  /// The calling task was cancelled.
  case cancelled
}

/// Takes events out of the process: to a message broker, to a terminal.
package protocol EventPublisher: Sendable {
  /// Hands events on in their order. Once it returns they are safe where they went; after a failure some of them may be
  /// there already, and all come again.
  func publish(_ events: [DomainEvent]) async throws(PublishingFailure)
}
