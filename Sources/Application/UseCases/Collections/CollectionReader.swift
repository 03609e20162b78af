import Domain

/// Why a source could not be read; the words are for the submitter.
enum CollectionFailure: Error, Hashable, Sendable {
  /// Will not get better.
  case permanent(String)
  /// May pass.
  case transient(String)
  /// The task was cancelled.
  case cancelled
}

/// What a source has, as far as it can list it.
struct CollectionListing: Sendable {
  /// The state of the source, such as a commit.
  let version: String
  /// What there is.
  let items: [ListedItem]
  /// Whether that is all.
  let isComplete: Bool
}

/// What reading an item gave.
struct ReadItem: Sendable {
  /// A document to be ingested.
  struct Document: Sendable {
    let title: String
    let content: SubmissionContent
    let sourceURI: String
    let byteCount: Int
    var metadata: Metadata = [:]
  }

  let key: String
  var state: CollectionItem.State
  var reason: String?
  var validators = ItemValidators()
  var document: Document?
  var found: [String] = []
  var foundDepth = 0

  /// An item that is not taken.
  static func left(_ key: String, _ state: CollectionItem.State, _ reason: String) -> ReadItem {
    ReadItem(key: key, state: state, reason: reason)
  }
}

/// One kind of source, as a run reads it.
protocol CollectionReader: Sendable {
  /// What makes two submissions the same collection.
  var identity: String { get }
  /// How many items are read at once.
  var batchSize: Int { get }
  /// How many items there may be.
  var maximumItems: Int { get }

  /// Lists what there is.
  ///
  /// - Parameter version: the one that the run has begun with.
  /// - Returns: `nil` when that can go on.
  func list(resuming version: String?) async throws(CollectionFailure) -> CollectionListing?

  /// Reads some items that wait.
  func read(_ items: [CollectionItem]) async throws(CollectionFailure) -> [ReadItem]
}
