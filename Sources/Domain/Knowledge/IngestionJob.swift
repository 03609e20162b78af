package import FoundationEssentials

/// The work of turning an approved submission into a searchable revision.
package struct IngestionJob: Hashable, Sendable {
  /// Where a job stands. It goes forward through the stages; a retry goes back to `queued`.
  package enum State: String, Sendable, CaseIterable {
    /// Waits for a worker, for its next attempt, or for the next turn of a collection.
    case queued
    /// A collection's items are looked for and handed on, each with a job of its own.
    case collecting
    /// All items of a collection are handed on, and their jobs are awaited.
    case importing
    /// The payload becomes text.
    case extracting
    /// The text becomes chunks.
    case chunking
    /// The chunks become vectors.
    case embedding
    /// Done: the revision is visible to search.
    case indexed
    /// Given up, with a reason.
    case failed
    /// Stopped by someone before it was done.
    case cancelled

    /// Whether nothing more will happen, unless somebody retries it.
    package var isFinal: Bool { self == .indexed || self == .failed || self == .cancelled }

    /// Whether somebody may have it done again.
    package var isRetriable: Bool { self == .failed || self == .cancelled }

    /// Whether a worker reports from it.
    package var isRunning: Bool { !isFinal && self != .queued }
  }

  /// How far a stage is: `done` of `total`, in the stage's own unit (items looked at, items whose jobs have
  /// ended, bytes extracted, chunks cut, chunks embedded).
  package struct Progress: Hashable, Sendable {
    /// The units done.
    package let done: Int
    /// The units there are; 0 while unknown.
    package let total: Int

    /// Makes a progress record.
    package init(done: Int, total: Int) {
      self.done = done
      self.total = total
    }
  }

  /// Its id.
  package let id: JobID
  /// The tenant.
  package let organizationID: OrganizationID
  /// What it ingests.
  package let submissionID: SubmissionID
  /// Where it stands.
  package let state: State
  /// How often a worker has started it.
  package let attempts: Int
  /// The progress of each stage that has begun, by the stage's state.
  package let progress: [State: Progress]
  /// Why the last attempt failed, in words for the submitter.
  package let error: String?
  /// The document that it made or revised, once indexed.
  package let documentID: DocumentID?
  /// The revision that it published or found already there, once indexed.
  package let revisionID: RevisionID?
  /// When it was queued.
  package let createdAt: Date
  /// When anything of it last changed.
  package let updatedAt: Date
  /// What became of the items, where it is the job of a collection and somebody looks at it.
  package var collection: CollectionReport?

  /// Makes a job of its parts.
  package init(
    id: JobID, organizationID: OrganizationID, submissionID: SubmissionID, state: State = .queued, attempts: Int = 0,
    progress: [State: Progress] = [:], error: String? = nil, documentID: DocumentID? = nil,
    revisionID: RevisionID? = nil, createdAt: Date, updatedAt: Date
  ) {
    self.id = id
    self.organizationID = organizationID
    self.submissionID = submissionID
    self.state = state
    self.attempts = attempts
    self.progress = progress
    self.error = error
    self.documentID = documentID
    self.revisionID = revisionID
    self.createdAt = createdAt
    self.updatedAt = updatedAt
  }
}

/// When a failed attempt is tried again.
package struct RetryPolicy: Hashable, Sendable {
  /// How many attempts there are in all.
  package let maximumAttempts: Int
  /// The delay before the second attempt, in seconds; it doubles with each further one.
  package let firstDelay: TimeInterval
  /// The longest delay, in seconds.
  package let maximumDelay: TimeInterval

  /// Makes a policy.
  package init(maximumAttempts: Int = 5, firstDelay: TimeInterval = 1, maximumDelay: TimeInterval = 300) {
    self.maximumAttempts = maximumAttempts
    self.firstDelay = firstDelay
    self.maximumDelay = maximumDelay
  }

  /// The delay after `attempts` attempts have failed, with `jitter` in 0..<1 taking off up to a quarter of it;
  /// `nil` when there is none left.
  package func delay(afterAttempts attempts: Int, jitter: Double) -> TimeInterval? {
    guard attempts < maximumAttempts else { return nil }
    var delay = firstDelay
    for _ in 1..<max(attempts, 1) where delay < maximumDelay { delay *= 2 }
    return min(delay, maximumDelay) * (1 - 0.25 * min(max(jitter, 0), 1))
  }
}
