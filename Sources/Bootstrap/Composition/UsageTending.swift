import Application
import Domain
import Logging
import ServiceLifecycle

/// Writes what calls used where storage did not take it at once, keeps the reservations of those that go on, has those
/// lapse whose process died, removes counters that say nothing any more, and tells of budgets that are running out.
struct UsageTending: Service {
  /// How long to wait before storage is tried again.
  static let pause: Duration = .seconds(1)

  /// The most counters that one sweep removes: what is left waits for the next.
  static let maximumCounters = 1_000

  let settlements: UsageSettlements
  let counters: any UsageCounters
  let clock: WallClock
  let logger: Logger

  /// Runs until the server stops, and writes what is left then.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      var nextSweep = ContinuousClock.now
      while !Task.isCancelled {
        let generation = settlements.generation
        let report = await settlements.tend()
        tell(report)
        if ContinuousClock.now >= nextSweep {
          await sweep()
          await removeIdleCounters()
          nextSweep = .now + settlements.interval
        }
        if report.failure != nil {
          try? await Task.sleep(for: Self.pause)  // Ends early only when cancelled, which the loop sees.
        } else {
          await settlements.wait(since: generation, upTo: settlements.interval)
        }
      }
    }
    // The servers have stopped, and with them all calls: what they used is written, or it lapses.
    for _ in 0..<5 {
      tell(await settlements.tend())
      if settlements.isIdle { return }
      try? await Task.sleep(for: Self.pause)  // Outside of what is cancelled.
    }
    logger.error("what some calls used was not written before the end, and they will lapse")
  }

  private func tell(_ report: UsageSettlements.Report) {
    for alert in report.alerts {
      let budget = alert.budget
      logger.warning(
        "a budget has reached a share",
        metadata: [
          "budget": "\(budget.id)", "organization": "\(budget.organizationID)",
          "user": "\(budget.userID?.description ?? "-")", "percent": "\(alert.percent)",
          "spent-micros": "\(budget.spent)", "limit-micros": "\(budget.limit)",
        ])
    }
    if report.lost > 0 {
      logger.error(
        "what calls used was not written: too many waited, and they will lapse", metadata: ["count": "\(report.lost)"])
    }
    if let failure = report.failure {
      logger.warning(
        "what calls used was not written; trying again",
        metadata: ["reason": "\(failure.words)", "waiting": "\(report.waiting)"])
    }
  }

  private func sweep() async {
    do throws(StorageFailure) {
      let count = try await settlements.sweep()
      if count > 0 {
        logger.warning(
          "calls have lapsed whose process ended; they count as all that they might have used",
          metadata: ["count": "\(count)"])
      }
    } catch {
      guard error != .cancelled else { return }
      logger.warning("expired reservations were not looked for", metadata: ["reason": "\(error.words)"])
    }
  }

  private func removeIdleCounters() async {
    do throws(StorageFailure) {
      let count = try await counters.removeIdle(at: clock.now(), limit: Self.maximumCounters)
      if count > 0 { logger.debug("counters that were of no use any more are gone", metadata: ["count": "\(count)"]) }
    } catch {
      guard error != .cancelled else { return }
      logger.warning("idle counters were not removed; trying again", metadata: ["reason": "\(error.words)"])
    }
  }
}
