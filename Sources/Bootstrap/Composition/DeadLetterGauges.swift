import Application
import Domain
import Foundation
import Logging
import Metrics

/// The gauges of the jobs that have failed for good, measured when the metrics are asked for.
///
/// While storage does not answer there are no such gauges, rather than old ones.
actor DeadLetterGauges {
  /// Asked more often than this, the last measurement is told: whoever may read the metrics cannot keep storage busy.
  static let minimumInterval: Duration = .seconds(1)
  /// How long storage may take: Prometheus itself gives up after ten seconds.
  static let timeout: Duration = .seconds(2)

  private let queue: any JobQueue
  private let clock: WallClock
  private let logger: Logger
  private var measuredAt: ContinuousClock.Instant?
  private var gauges: [Gauge] = []

  /// Measures a queue.
  init(queue: any JobQueue, clock: WallClock, logger: Logger) {
    self.queue = queue
    self.clock = clock
    self.logger = logger
  }

  /// Measures again, unless that was done just now or is being done.
  func refresh() async {
    let now = ContinuousClock.now
    if let measuredAt, now - measuredAt < Self.minimumInterval { return }
    measuredAt = now
    guard let letters = await measure() else {
      for gauge in gauges { gauge.destroy() }
      gauges = []
      return
    }
    let (count, age) = (Gauge(label: "ingestion_dead_letters"), Gauge(label: "ingestion_dead_letters_oldest_seconds"))
    count.record(letters.count)
    age.record(letters.oldest.map { max(0, clock.now().timeIntervalSince($0)) } ?? 0)
    gauges = [count, age]
  }

  private func measure() async -> DeadLetters? {
    await withTaskGroup(of: DeadLetters?.self) { group in
      group.addTask { [queue, logger] in
        do throws(StorageFailure) { return try await queue.deadLetters() } catch {
          if error != .cancelled {
            logger.warning("the dead letters were not counted", metadata: ["reason": "\(error.words)"])
          }
          return nil
        }
      }
      group.addTask { [logger] in
        do { try await Task.sleep(for: Self.timeout) } catch { return nil }  // Storage has answered.
        logger.warning("the dead letters were not counted", metadata: ["reason": "storage does not answer"])
        return nil
      }
      let first = await group.next()
      group.cancelAll()
      return first ?? nil
    }
  }
}
