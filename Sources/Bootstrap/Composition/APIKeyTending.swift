import Application
import Foundation
import Logging
import ServiceLifecycle

/// Writes when API keys were used, apart from the requests that used them, and removes keys that expired long ago.
struct APIKeyTending: Service {
  /// How often uses are written: so late a use is seen at most.
  static let interval: Duration = .seconds(10)
  /// How long an expired key is still shown to its owner, in seconds: 30 days.
  static let retention: TimeInterval = 30 * 86_400
  /// How often expired keys are removed.
  static let sweepInterval: Duration = .seconds(3_600)

  let keys: any APIKeyRepository
  let uses: APIKeyUses
  let clock: WallClock
  let logger: Logger

  /// Runs until the server stops, and writes what is left then.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      var nextSweep = ContinuousClock.now
      while !Task.isCancelled {
        if ContinuousClock.now >= nextSweep {
          await sweep()
          nextSweep = .now + Self.sweepInterval
        }
        try? await Task.sleep(for: Self.interval)  // Ends early only when cancelled, which the loop sees.
        if !Task.isCancelled { await write() }
      }
    }
    // Outside of what is cancelled: the last uses are written too.
    await write()
  }

  private func write() async {
    do throws(StorageFailure) { try await uses.write(to: keys) } catch {
      logger.warning("uses of API keys were not noted; trying again", metadata: ["reason": "\(error.words)"])
    }
  }

  private func sweep() async {
    do throws(StorageFailure) {
      let count = try await keys.deleteExpired(before: clock.now().addingTimeInterval(-Self.retention))
      if count > 0 { logger.debug("expired API keys removed", metadata: ["count": "\(count)"]) }
    } catch {
      guard error != .cancelled else { return }
      logger.warning("expired API keys were not removed", metadata: ["reason": "\(error.words)"])
    }
  }
}
