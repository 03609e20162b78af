import Application
import Domain
import FoundationEssentials
import Logging
import Metrics

/// Logs and counts how jobs end, around any queue.
struct ObservedJobQueue: JobQueue {
  let queue: any JobQueue
  let logger: Logger

  func claim(
    by worker: String, at time: Date, leaseFor: TimeInterval
  ) async throws(StorageFailure) -> ClaimedJob? {
    let claimed = try await queue.claim(by: worker, at: time, leaseFor: leaseFor)
    if let job = claimed?.job {
      logger.debug(
        "ingestion begins",
        metadata: [
          "job_id": "\(job.id)", "submission_id": "\(job.submissionID)", "organization_id": "\(job.organizationID)",
          "attempt": "\(job.attempts)", "worker": "\(worker)",
        ])
    }
    return claimed
  }

  func report(
    _ state: IngestionJob.State, progress: IngestionJob.Progress, under lease: JobLease, at time: Date,
    leaseFor: TimeInterval
  ) async throws(LeaseFailure) {
    try await queue.report(state, progress: progress, under: lease, at: time, leaseFor: leaseFor)
  }

  func publish(
    _ draft: RevisionDraft, under lease: JobLease, at time: Date
  ) async throws(LeaseFailure) -> Publication {
    let publication = try await queue.publish(draft, under: lease, at: time)
    let outcome: String
    switch publication {
    case .created: outcome = "created"
    case .revised: outcome = "revised"
    case .alreadyThere: outcome = "already_there"
    }
    Counter(label: "ingestion_jobs_total", dimensions: [("outcome", outcome)]).increment()
    Counter(label: "ingestion_chunks_total").increment(by: draft.chunks.count)
    logger.info(
      "ingestion done",
      metadata: [
        "job_id": "\(lease.jobID)", "organization_id": "\(lease.organizationID)", "outcome": "\(outcome)",
        "chunks": "\(draft.chunks.count)", "embedded": "\(draft.embeddings.count)",
      ])
    return publication
  }

  func fail(_ reason: String, retryAt: Date?, under lease: JobLease, at time: Date) async throws(LeaseFailure) {
    try await queue.fail(reason, retryAt: retryAt, under: lease, at: time)
    let outcome = retryAt == nil ? "failed" : "retried"
    Counter(label: "ingestion_jobs_total", dimensions: [("outcome", outcome)]).increment()
    logger.warning(
      "ingestion failed",
      metadata: [
        "job_id": "\(lease.jobID)", "organization_id": "\(lease.organizationID)", "outcome": "\(outcome)",
        "reason": "\(reason)",
      ])
  }

  func deadLetters() async throws(StorageFailure) -> DeadLetters { try await queue.deadLetters() }

  func release(_ lease: JobLease, at time: Date) async throws(LeaseFailure) {
    try await queue.release(lease, at: time)
    logger.info(
      "ingestion handed back", metadata: ["job_id": "\(lease.jobID)", "organization_id": "\(lease.organizationID)"])
  }

  func pause(_ lease: JobLease, until resumption: Date, at time: Date) async throws(LeaseFailure) {
    try await queue.pause(lease, until: resumption, at: time)
  }

  func complete(_ lease: JobLease, at time: Date) async throws(LeaseFailure) {
    try await queue.complete(lease, at: time)
    Counter(label: "ingestion_jobs_total", dimensions: [("outcome", "collected")]).increment()
    logger.info(
      "collection done", metadata: ["job_id": "\(lease.jobID)", "organization_id": "\(lease.organizationID)"])
  }
}
