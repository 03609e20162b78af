package import Domain
package import FoundationEssentials

/// What a run of a collection finds listed.
package struct ListedItem: Hashable, Sendable {
  /// What tells it from the others.
  package let key: String
  /// Its version, such as a blob's id, where the list tells one.
  package let version: String?
  /// Why it cannot be taken, known from the list alone.
  package let failure: String?

  /// Whether it is left out rather than failed for that reason.
  package let isSkipped: Bool

  /// Makes a listed item.
  package init(key: String, version: String? = nil, failure: String? = nil, isSkipped: Bool = false) {
    self.key = key
    self.version = version
    self.failure = failure
    self.isSkipped = isSkipped
  }

  /// Where it stands when nothing is known of it from before.
  package var state: CollectionItem.State { failure == nil ? .waiting : isSkipped ? .skipped : .failed }
}

/// A run: what one job does for a collection.
package struct CollectionRun: Hashable, Sendable {
  /// SHA-256 of what makes two submissions the same collection.
  package let collection: SecretHash
  /// The state of the source that is read, such as a commit.
  package let version: String
  /// When it began, or was taken up by a retry.
  package let startedAt: Date

  /// Makes a run of its parts.
  package init(collection: SecretHash, version: String, startedAt: Date) {
    self.collection = collection
    self.version = version
    self.startedAt = startedAt
  }
}

/// A document that a collection brings, ready to be ingested by a job of its own.
package struct ChildIngestion: Sendable {
  /// The submission, approved by whoever approved the collection.
  package let submission: KnowledgeSubmission
  /// Its content.
  package let content: SubmissionContent
  /// The job, queued.
  package let job: IngestionJob

  /// Makes a child.
  package init(submission: KnowledgeSubmission, content: SubmissionContent, job: IngestionJob) {
    self.submission = submission
    self.content = content
    self.job = job
  }
}

/// What a worker found out about an item.
package struct SettledItem: Sendable {
  /// The item.
  package let key: String
  /// Where it stands now; `waiting` is for another attempt.
  package let state: CollectionItem.State
  /// Why, for what was not taken.
  package let reason: String?
  /// What tells whether it has changed the next time; kept as it is for what was not handed on.
  package let validators: ItemValidators
  /// What ingests it, for what is handed on.
  package let child: ChildIngestion?
  /// The bytes that are handed on.
  package let byteCount: Int
  /// Items that it names, and how many links they are away from the first.
  package let found: [String]
  /// How many links those are away from the first page.
  package let foundDepth: Int

  /// Makes what is settled of its parts.
  package init(
    key: String, state: CollectionItem.State, reason: String? = nil, validators: ItemValidators = ItemValidators(),
    child: ChildIngestion? = nil, byteCount: Int = 0, found: [String] = [], foundDepth: Int = 0
  ) {
    self.key = key
    self.state = state
    self.reason = reason
    self.validators = validators
    self.child = child
    self.byteCount = byteCount
    self.found = found
    self.foundDepth = foundDepth
  }
}

/// The items of collections, what is known of them from run to run, and how the jobs of a run stand.
package protocol CollectionLedger: Sendable {
  /// The run of a job; `nil` for a job that is none of a collection, or has not begun.
  func run(of job: JobID, in organization: OrganizationID) async throws(StorageFailure) -> CollectionRun?

  /// Begins the run of the lease's job, or begins it anew with another version of the source.
  ///
  /// What the collection knows from earlier runs is taken over. A listed item of which the version was handed on before,
  /// to a job that made a document of it, is unchanged; the others wait. Of an item whose job ended otherwise the
  /// validators are dropped, so that it is read again.
  ///
  /// - Parameter isComplete: whether the list has all items that there are: then known ones that are not in it are
  ///   gone. Otherwise all that are known, and not gone, wait as well.
  /// - Returns: `nil`, with nothing changed, while another job runs for the same collection.
  func begin(
    _ collection: SecretHash, version: String, items: [ListedItem], isComplete: Bool, under lease: JobLease,
    at time: Date
  ) async throws(LeaseFailure) -> CollectionRun?

  /// The next items that wait: those with the fewest attempts, of these the nearest to the first, then by key.
  func waiting(
    of job: JobID, in organization: OrganizationID, limit: Int
  ) async throws(StorageFailure) -> [CollectionItem]

  /// Records what was found out about items, adds those that they name, and queues the jobs of those that are handed on,
  /// with the events of their submissions: all or nothing.
  ///
  /// - Parameter maximumItems: how many items the run may know of. An item of which a found one had no room loses its
  ///   entity tag and date, so that the next run reads it in full.
  func settle(
    _ items: [SettledItem], maximumItems: Int, under lease: JobLease, at time: Date
  ) async throws(LeaseFailure)

  /// How the items of a job's run stand; `nil` for a job without one.
  func report(of job: JobID, in organization: OrganizationID) async throws(StorageFailure) -> CollectionReport?
}
