/// One of the many documents that a collection brings, as its last run left it.
package struct CollectionItem: Hashable, Sendable {
  /// The most bytes of a key.
  package static let maximumKeyLength = 2_000

  /// Why an item is gone that a complete list no longer has.
  package static let goneReason = "it is no longer in the source; its document stays until an admin deletes it"

  /// Where an item stands in a run.
  package enum State: String, Sendable, CaseIterable {
    /// Known, and not yet looked at.
    case waiting
    /// Submitted and approved; a job of its own ingests it.
    case handedOn = "handed_on"
    /// As it was in the run before: nothing to do.
    case unchanged
    /// Left out, for the reason that is recorded.
    case skipped
    /// Could not be read, for the reason that is recorded.
    case failed
    /// No longer in the source. Its document stays until an admin deletes it.
    case gone
  }

  /// What tells it from the collection's others: an address, a path, a record's id.
  package let key: String
  /// How many links it is away from the first page; 0 where there are none.
  package let depth: Int
  /// Where it stands.
  package let state: State
  /// How often reading it has failed in this run.
  package let attempts: Int
  /// The version that the run found listed, such as a blob's id; `nil` where a list tells none.
  package let offered: String?
  /// What was handed on last.
  package let validators: ItemValidators

  /// Makes an item of its parts.
  package init(
    key: String, depth: Int, state: State, attempts: Int, offered: String?, validators: ItemValidators
  ) {
    self.key = key
    self.depth = depth
    self.state = state
    self.attempts = attempts
    self.offered = offered
    self.validators = validators
  }
}

/// What tells whether an item has changed since it was handed on.
package struct ItemValidators: Hashable, Sendable {
  /// A blob's id, or the SHA-256 of the bytes.
  package var version: String?
  /// The entity tag of RFC 9110 §8.8.3, as the server wrote it.
  package var etag: String?
  /// The date of RFC 9110 §8.8.2, as the server wrote it.
  package var lastModified: String?

  /// Makes validators.
  package init(version: String? = nil, etag: String? = nil, lastModified: String? = nil) {
    self.version = version
    self.etag = etag
    self.lastModified = lastModified
  }
}

/// What became of the items of a collection in its last run.
package struct CollectionReport: Hashable, Sendable {
  /// How many problems are listed at most.
  package static let maximumProblems = 50

  /// An item that was not taken, and why.
  package struct Problem: Hashable, Sendable {
    /// The item.
    package let key: String
    /// How it stands: `failed`, `skipped` or `gone`.
    package let state: CollectionItem.State
    /// Why.
    package let reason: String

    /// Makes a problem of its parts.
    package init(key: String, state: CollectionItem.State, reason: String) {
      self.key = key
      self.state = state
      self.reason = reason
    }
  }

  /// How many items there are in each state.
  package var items: [CollectionItem.State: Int]
  /// How many jobs of items that were handed on have ended with a document.
  package var indexed: Int
  /// How many of them have failed.
  package var failedJobs: Int
  /// How many of them were cancelled.
  package var cancelledJobs: Int
  /// The bytes that were handed on.
  package var byteCount: Int
  /// Items that were not taken, failures first, at most ``maximumProblems``.
  package var problems: [Problem]

  /// Makes a report.
  package init(
    items: [CollectionItem.State: Int] = [:], indexed: Int = 0, failedJobs: Int = 0, cancelledJobs: Int = 0,
    byteCount: Int = 0, problems: [Problem] = []
  ) {
    self.items = items
    self.indexed = indexed
    self.failedJobs = failedJobs
    self.cancelledJobs = cancelledJobs
    self.byteCount = byteCount
    self.problems = problems
  }

  /// All items that the run knows of.
  package var found: Int { items.values.reduce(0, +) }
  /// Those that it has not looked at yet.
  package var waiting: Int { items[.waiting] ?? 0 }
  /// Those that were handed on.
  package var handedOn: Int { items[.handedOn] ?? 0 }
  /// The jobs that have not ended.
  package var openJobs: Int { handedOn - indexed - failedJobs - cancelledJobs }

  /// Counts items in a state, of which the job is in another.
  package mutating func count(
    _ state: CollectionItem.State, job: IngestionJob.State?, items number: Int = 1, bytes: Int
  ) {
    items[state, default: 0] += number
    guard state == .handedOn else { return }
    byteCount += bytes
    switch job {
    // A job that is gone has ended, and left nothing.
    case .failed, nil: failedJobs += number
    case .cancelled: cancelledJobs += number
    case .indexed: indexed += number
    default: break
    }
  }
}
