/// What can go wrong in any storage port; adapters translate their driver's errors to it, once.
///
/// Texts that are stored hold no U+0000 (``NullCharacter``): the use cases refuse or drop it before they come here, and
/// an adapter that is given one may fail with `.corrupt`.
package enum StorageFailure: Error, Hashable, Sendable {
  /// The row that the call is about is not there, or not this tenant's or owner's.
  case notFound
  /// A unique value is taken, or the row changed meanwhile; names what.
  case conflict(String)
  /// The store cannot be reached or is busy beyond its time-out; worth a later try.
  case unavailable(String)
  /// The store has no room left: nothing was written, what is there can still be read, and writing works again by
  /// itself when an operator has made room. Says where.
  case full(String)
  /// The store holds what it should not: a value that cannot be read back.
  case corrupt(String)
  /// The calling task was cancelled before anything was written.
  case cancelled
}
