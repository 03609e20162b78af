import Application
import Logging
import ServiceLifecycle

/// Owns the resumable replies of this process, and speaks with the log for all that are written here.
struct ReplyService: Service {
  /// How often expired replies are removed.
  static let sweepInterval: Duration = .seconds(30)

  let desk: ReplyDesk
  let logger: Logger

  /// Runs until the server stops, which ends the resumable replies that are being written: the wires, which are stopped
  /// before, have given their readers the grace time.
  func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await tend() }
      await withGracefulShutdownHandler {
        await desk.run()
      } onGracefulShutdown: {
        desk.stop()
      }
      group.cancelAll()
    }
  }

  private func tend() async {
    var nextSweep = ContinuousClock.now
    var isFailing = false
    while !Task.isCancelled {
      let generation = desk.generation
      do throws(StorageFailure) {
        try await desk.tend()
        if ContinuousClock.now >= nextSweep {
          let count = try await desk.sweep()
          if count > 0 { logger.debug("expired answers removed", metadata: ["count": "\(count)"]) }
          nextSweep = .now + Self.sweepInterval
        }
        isFailing = false
      } catch {
        if error == .cancelled { return }
        if !isFailing {
          logger.warning("answers cannot be tended; trying again", metadata: ["reason": "\(error.words)"])
        }
        isFailing = true
      }
      await desk.wait(since: generation)
    }
  }
}
