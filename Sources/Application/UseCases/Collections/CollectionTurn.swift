import Domain
import FoundationEssentials
import Synchronization

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

/// Where a turn is, for the heartbeat to repeat.
final class TurnStage: Sendable {
  private let state = Mutex((IngestionJob.State.collecting, IngestionJob.Progress(done: 0, total: 0)))

  var current: (IngestionJob.State, IngestionJob.Progress) { state.withLock { $0 } }

  func set(_ stage: IngestionJob.State, _ progress: IngestionJob.Progress) {
    state.withLock { $0 = (stage, progress) }
  }
}

extension RunCollection {
  /// Reports where the job is, which also extends the lease.
  func tell(
    _ state: IngestionJob.State, _ progress: IngestionJob.Progress, _ stage: TurnStage, _ lease: JobLease
  ) async throws(TurnEnd) {
    stage.set(state, progress)
    do throws(LeaseFailure) {
      try await queue.report(state, progress: progress, under: lease, at: clock.now(), leaseFor: ingestion.lease)
    } catch {
      throw TurnEnd(error)
    }
  }

  /// Extends the lease until cancelled or until it is lost.
  func heartbeat(_ lease: JobLease, _ stage: TurnStage) async -> TurnEnd {
    let interval = min(ingestion.lease / 3, ingestion.cancellationInterval)
    while true {
      do { try await Task.sleep(for: .seconds(interval)) } catch { return .cancelled }
      let (state, progress) = stage.current
      do throws(LeaseFailure) {
        try await queue.report(state, progress: progress, under: lease, at: clock.now(), leaseFor: ingestion.lease)
      } catch {
        // A storage failure may pass before the lease runs out; a lost lease is final.
        if error == .lost { return .leaseLost }
      }
    }
  }

  /// Writes down how a turn ended, in a task that a shutdown does not cancel.
  func record(_ end: TurnEnd, _ claimed: ClaimedJob) async throws(UseCaseFailure) {
    let (queue, lease, now) = (queue, claimed.lease, clock.now())
    let retries = ingestion.retries
    let failure: LeaseFailure? = await Task { () -> LeaseFailure? in
      do throws(LeaseFailure) {
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
        return nil
      } catch {
        return error
      }
    }.value
    if case .storage(let failure)? = failure { throw UseCaseFailure(failure, "job") }
    if end == .cancelled { throw .cancelled }
  }
}
