import Domain
import FoundationEssentials

/// Keeps a worker's right to a job: each report of where the job is extends the lease, and the last one is repeated while
/// there is none.
struct LeaseKeeper: Sendable {
  /// Why the heart has stopped.
  enum End: Hashable, Sendable {
    /// The task was cancelled.
    case cancelled
    /// Another worker has the job, or it was cancelled.
    case lost
    /// A stage has made no progress for too long.
    case stuck(IngestionJob.State)
  }

  let queue: any JobQueue
  let settings: IngestNextJob.Settings
  let clock: WallClock

  /// Reports where a job is.
  func report(
    _ state: IngestionJob.State, _ progress: IngestionJob.Progress, of stage: StageProgress, _ lease: JobLease
  ) async throws(LeaseFailure) {
    stage.set(state, progress, at: clock.now())
    try await queue.report(state, progress: progress, under: lease, at: clock.now(), leaseFor: settings.lease)
  }

  /// Extends the lease three times as often as it would run out, and often enough to notice soon that the job was
  /// cancelled, until it has to stop.
  ///
  /// - Parameter stageLimit: how long a stage may stand still, in seconds; `nil` for ever.
  func beat(_ lease: JobLease, _ stage: StageProgress, stageLimit: TimeInterval? = nil) async -> End {
    let interval = min(settings.lease / 3, settings.cancellationInterval)
    while true {
      do { try await Task.sleep(for: .seconds(interval)) } catch { return .cancelled }
      let (state, progress) = stage.current
      if let stageLimit, let since = stage.stillSince, clock.now().timeIntervalSince(since) > stageLimit {
        return .stuck(state)
      }
      do throws(LeaseFailure) {
        try await queue.report(state, progress: progress, under: lease, at: clock.now(), leaseFor: settings.lease)
      } catch {
        // A storage failure may pass before the lease runs out; a lost lease is final.
        if error == .lost { return .lost }
      }
    }
  }

  /// Runs a write to its end even when the calling task is cancelled.
  func uncancelled(
    _ body: @escaping @Sendable () async throws(LeaseFailure) -> Void
  ) async -> LeaseFailure? {
    await Task { () -> LeaseFailure? in
      do throws(LeaseFailure) {
        try await body()
        return nil
      } catch {
        return error
      }
    }.value
  }
}
