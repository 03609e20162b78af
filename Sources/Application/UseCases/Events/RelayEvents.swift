import Domain
package import FoundationEssentials

/// Hands on the events that wait in the outbox, a batch at a time, at least once.
package struct RelayEvents: Sendable {
  /// Times and sizes that configuration may change.
  package struct Settings: Hashable, Sendable {
    /// How long a batch is this relay's, in seconds: when it was not handed on by then, it comes again.
    package var lease: TimeInterval = 30
    /// The most events of a batch.
    package var batchSize = 100

    /// The standard settings.
    package init() {}
  }

  let outbox: any EventOutbox
  let settings: Settings
  let clock: WallClock

  /// Hands one batch to a publisher, then marks it as delivered.
  ///
  /// - Parameter limit: the most events, if fewer than a batch has.
  /// - Returns: how many were handed on; 0 when none wait that this relay may have.
  /// - Throws: `.unavailable` when the publisher or storage does not answer. What was claimed then waits until the claim
  ///   runs out, and is handed on again.
  package func callAsFunction(
    to publisher: some EventPublisher, limit: Int = .max
  ) async throws(UseCaseFailure) -> Int {
    let batch = try await storing("event") { () async throws(StorageFailure) in
      try await outbox.claim(
        limit: min(limit, settings.batchSize), at: clock.now(), leaseFor: settings.lease)
    }
    guard let batch else { return 0 }
    do throws(PublishingFailure) { try await publisher.publish(batch.events) } catch {
      switch error {
      case .unavailable(let why): throw .unavailable(why)
      case .cancelled: throw .cancelled
      }
    }
    // They are out: a shutdown in this moment must not make them come again.
    let failure = await Task { [outbox, clock] () -> StorageFailure? in
      do throws(StorageFailure) {
        try await outbox.acknowledge(batch, at: clock.now())
        return nil
      } catch {
        return error
      }
    }.value
    if let failure { throw UseCaseFailure(failure, "event") }
    return batch.events.count
  }
}
