import Application
import Synchronization

/// The rows that the in-memory adapters share, behind one lock.
package final class InMemoryStore: Sendable {
  private let state = Mutex(StoreState())

  /// Makes an empty store.
  package init() {}

  /// Runs `body` alone on the rows. It must check everything before it changes anything: what it changed before it
  /// throws stays.
  ///
  /// - Throws: `.cancelled` without running `body` when the calling task is cancelled, else what `body` throws.
  func access<Result: Sendable>(
    _ body: (inout StoreState) throws(StorageFailure) -> Result
  ) throws(StorageFailure) -> Result {
    guard !Task.isCancelled else { throw .cancelled }
    return try state.withLock { (state: inout sending StoreState) throws(StorageFailure) -> Result in
      try body(&state)
    }
  }

  /// The same for a write under a lease.
  func accessUnderLease<Result: Sendable>(
    _ body: (inout StoreState) throws(LeaseFailure) -> Result
  ) throws(LeaseFailure) -> Result {
    guard !Task.isCancelled else { throw .storage(.cancelled) }
    return try state.withLock { (state: inout sending StoreState) throws(LeaseFailure) -> Result in
      try body(&state)
    }
  }
}
