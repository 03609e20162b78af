package import Domain
package import FoundationEssentials

/// A worker's right to a job until a time; whoever holds it may write, nobody else.
package struct JobLease: Hashable, Sendable {
  /// The job.
  package let jobID: JobID
  /// The tenant of the job.
  package let organizationID: OrganizationID
  /// Tells this claim from every other claim of the job (a fencing token).
  package let token: UUID

  /// Makes a lease.
  package init(jobID: JobID, organizationID: OrganizationID, token: UUID) {
    self.jobID = jobID
    self.organizationID = organizationID
    self.token = token
  }
}

/// A job that a worker has claimed.
package struct ClaimedJob: Sendable {
  /// The job as it is after the claim: `attempts` counts this one.
  package let job: IngestionJob
  /// The submission to ingest.
  package let submission: KnowledgeSubmission
  /// The right to it.
  package let lease: JobLease

  /// Makes a claimed job.
  package init(job: IngestionJob, submission: KnowledgeSubmission, lease: JobLease) {
    self.job = job
    self.submission = submission
    self.lease = lease
  }
}

/// A revision that is ready to become visible.
package struct RevisionDraft: Sendable {
  /// The id of the document, should a new one be made.
  package let newDocumentID: DocumentID
  /// The id of the revision, should one be made.
  package let revisionID: RevisionID
  /// The title.
  package let title: String
  /// What the text was extracted from.
  package let mediaType: MediaType
  /// The cleaned text.
  package let text: String
  /// SHA-256 of its bytes.
  package let contentHash: SecretHash
  /// The chunks in order.
  package let chunks: [DocumentChunk]
  /// One vector per chunk, or none at all when no embedder was there.
  package let embeddings: [Embedding]
  /// The name of the model that made them.
  package let embeddingModel: String?

  /// Makes a draft.
  package init(
    newDocumentID: DocumentID, revisionID: RevisionID, title: String, mediaType: MediaType, text: String,
    contentHash: SecretHash, chunks: [DocumentChunk], embeddings: [Embedding], embeddingModel: String?
  ) {
    self.newDocumentID = newDocumentID
    self.revisionID = revisionID
    self.title = title
    self.mediaType = mediaType
    self.text = text
    self.contentHash = contentHash
    self.chunks = chunks
    self.embeddings = embeddings
    self.embeddingModel = embeddingModel
  }
}

/// What publishing a draft did.
package enum Publication: Hashable, Sendable {
  /// A new document.
  case created(DocumentID, RevisionID)
  /// A new revision of a document.
  case revised(DocumentID, RevisionID)
  /// Nothing: these bytes are already there, as the current revision of this document.
  case alreadyThere(DocumentID, RevisionID)
}

/// Why a worker's write to a job was refused.
package enum LeaseFailure: Error, Hashable, Sendable {
  /// The lease ran out and the job was given to another, or ended; nothing was written.
  case lost
  /// The submission revises a document that is no longer there.
  case documentGone
  /// Storage failed.
  case storage(StorageFailure)
}

/// The jobs of all tenants that have failed for good: nothing happens to them until somebody has dealt with the reason.
package struct DeadLetters: Hashable, Sendable {
  /// How many there are.
  package let count: Int
  /// When the one failed that has waited longest; `nil` when there is none.
  package let oldest: Date?

  /// Makes a count.
  package init(count: Int, oldest: Date?) {
    self.count = count
    self.oldest = oldest
  }
}

/// The durable queue of ingestion jobs, as its workers see it.
package protocol JobQueue: Sendable {
  /// Claims a job that is due: queued with its delay over, or running under a lease that has run out.
  ///
  /// The tenants take turns: it is a job of the tenant that has the fewest running jobs, counting leases that hold at
  /// `time`, of that tenant the oldest job that is due. Among tenants that run as many, the oldest job decides. A job is
  /// older than another by `createdAt`, then by id. Claims that run at the same moment need not count each other; a job
  /// still goes to one of them.
  ///
  /// - Parameters:
  ///   - worker: names the worker, for people.
  ///   - leaseFor: how long the claim holds without a report, in seconds.
  /// - Returns: `nil` when there is none.
  func claim(
    by worker: String, at time: Date, leaseFor: TimeInterval
  ) async throws(StorageFailure) -> ClaimedJob?

  /// Records state and progress and extends the lease.
  func report(
    _ state: IngestionJob.State, progress: IngestionJob.Progress, under lease: JobLease, at time: Date,
    leaseFor: TimeInterval
  ) async throws(LeaseFailure)

  /// Makes a revision visible to search and ends the job, in one transaction.
  ///
  /// The document is the one that the submission names, else the tenant's one with the same source, else a new one. The
  /// same bytes as that document's current revision, or (with no document named and none of that source) as the current
  /// revision of any document of the tenant, change nothing and end the job with what is there. From then on the
  /// submission names the document. A revision that is new is an event, `document.published` or `document.revised`.
  func publish(
    _ draft: RevisionDraft, under lease: JobLease, at time: Date
  ) async throws(LeaseFailure) -> Publication

  /// Records a failed attempt: queued again for `retryAt`, or failed for good when that is `nil`, which is an event,
  /// `job.failed`.
  func fail(_ reason: String, retryAt: Date?, under lease: JobLease, at time: Date) async throws(LeaseFailure)

  /// Hands a job back untouched, as a worker does that is told to stop; the attempt does not count.
  func release(_ lease: JobLease, at time: Date) async throws(LeaseFailure)

  /// Hands a job back that goes on at a later time, as a collection does between its turns: queued again for then, with
  /// its progress kept. It got somewhere, so that no attempt so far counts.
  func pause(_ lease: JobLease, until resumption: Date, at time: Date) async throws(LeaseFailure)

  /// Ends a job whose documents others made, as indexed, without a document of its own.
  func complete(_ lease: JobLease, at time: Date) async throws(LeaseFailure)

  /// The dead letters of all tenants, for whoever watches over the deployment. The time goes with their number, not with
  /// that of all jobs.
  func deadLetters() async throws(StorageFailure) -> DeadLetters
}

/// Ingestion jobs as their submitters see them.
package protocol JobRepository: Sendable {
  /// A job of a tenant.
  func job(_ id: JobID, in organization: OrganizationID) async throws(StorageFailure) -> IngestionJob?

  /// A tenant's jobs, newest first, narrowed to a state where given.
  func jobs(
    in organization: OrganizationID, state: IngestionJob.State?, page: PageRequest
  ) async throws(StorageFailure) -> Page<IngestionJob>

  /// Queues a failed or cancelled job again, due at once, as if it had never been tried: without attempts, progress and
  /// error. Its place in the queue stays that of its `createdAt`. The run of a collection goes on: its items that failed
  /// wait again, and its jobs that failed or were cancelled are queued with it.
  ///
  /// - Returns: the job as it is then.
  /// - Throws: `.notFound` when the tenant has no such job; `.conflict("state")` when it is neither.
  func retry(_ id: JobID, in organization: OrganizationID, at time: Date) async throws(StorageFailure) -> IngestionJob

  /// Cancels a job that has not ended, with the jobs of its collection that have not: no worker's lease of them holds
  /// from then on. Each is an event, `job.cancelled`.
  ///
  /// - Returns: the job as it is then.
  /// - Throws: `.notFound` when the tenant has no such job; `.conflict("state")` when it has ended.
  func cancel(_ id: JobID, in organization: OrganizationID, at time: Date) async throws(StorageFailure) -> IngestionJob
}
