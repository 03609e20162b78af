import Domain
import FoundationEssentials

/// How a turn of a collection's job ends.
enum TurnEnd: Error, Hashable, Sendable {
  /// Goes on in so many seconds.
  case pause(TimeInterval)
  /// All is settled.
  case done
  /// Will not get better.
  case failed(String)
  /// May pass.
  case retry(String)
  /// Another worker has the job, or it was cancelled.
  case leaseLost
  /// This process is stopping.
  case cancelled

  init(_ failure: LeaseFailure) {
    switch failure {
    case .lost, .documentGone: self = .leaseLost
    case .storage(.cancelled): self = .cancelled
    case .storage(.unavailable(let why)), .storage(.full(let why)): self = .retry(why)
    case .storage(let other): self = .retry("storage: \(other)")
    }
  }

  init(_ failure: CollectionFailure) {
    switch failure {
    case .permanent(let why): self = .failed(why)
    case .transient(let why): self = .retry(why)
    case .cancelled: self = .cancelled
    }
  }
}

extension RunCollection {
  /// Reports where the job is, which also extends the lease.
  func tell(
    _ state: IngestionJob.State, _ progress: IngestionJob.Progress, _ stage: StageProgress, _ lease: JobLease
  ) async throws(TurnEnd) {
    do throws(LeaseFailure) { try await keeper.report(state, progress, of: stage, lease) } catch {
      throw TurnEnd(error)
    }
  }

  /// How a turn ends whose heart has stopped. It has a time of its own, so no stage of it can be stuck.
  func heartbeat(_ lease: JobLease, _ stage: StageProgress) async -> TurnEnd {
    switch await keeper.beat(lease, stage) {
    case .cancelled: .cancelled
    case .lost, .stuck: .leaseLost
    }
  }

  private var keeper: LeaseKeeper { LeaseKeeper(queue: queue, settings: ingestion, clock: clock) }

  /// Writes down how a turn ended, in a task that a shutdown does not cancel.
  func record(_ end: TurnEnd, _ claimed: ClaimedJob) async throws(UseCaseFailure) {
    let (queue, lease, now) = (queue, claimed.lease, clock.now())
    let retries = ingestion.retries
    let failure = await keeper.uncancelled { () throws(LeaseFailure) in
      switch end {
      case .leaseLost: break
      case .pause(let seconds):
        try await queue.pause(lease, until: now.addingTimeInterval(seconds), at: now)
      case .done: try await queue.complete(lease, at: now)
      case .cancelled: try await queue.release(lease, at: now)
      case .failed(let why):
        try await queue.fail(NullCharacter.dropped(from: why), retryAt: nil, under: lease, at: now)
      case .retry(let why):
        let delay = retries.delay(afterAttempts: claimed.job.attempts, jitter: Double.random(in: 0..<1))
        try await queue.fail(
          NullCharacter.dropped(from: why), retryAt: delay.map(now.addingTimeInterval), under: lease, at: now)
      }
    }
    if case .storage(let failure)? = failure { throw UseCaseFailure(failure, "job") }
    if end == .cancelled { throw .cancelled }
  }
}
