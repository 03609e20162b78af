import Application
import Foundation
import Logging
import ServiceLifecycle

/// Removes old events now and then, delivered or not: nobody has to take them.
struct EventRetention: Service {
  /// How often.
  static let interval: Duration = .seconds(3_600)

  let outbox: any EventOutbox
  /// How long an event is kept.
  let retention: Duration
  let clock: WallClock
  let logger: Logger

  /// Removes until the server stops.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        do throws(StorageFailure) {
          let count = try await outbox.deleteEvents(
            occurredBefore: clock.now().addingTimeInterval(-(retention / .seconds(1))))
          if count > 0 { logger.debug("old events removed", metadata: ["count": "\(count)"]) }
        } catch {
          if error != .cancelled { logger.warning("old events were not removed", metadata: ["reason": "\(error)"]) }
        }
        try? await Task.sleep(for: Self.interval)  // Ends early only when cancelled, which the loop sees.
      }
    }
  }
}
