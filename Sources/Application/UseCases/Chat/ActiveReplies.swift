package import Domain
import Synchronization

/// The replies that are being written in this process, so that they can be cancelled by id.
package final class ActiveReplies: Sendable {
  private struct Entry {
    let owner: Owner
    let cancel: @Sendable () -> Void
  }

  private let entries = Mutex<[MessageID: Entry]>([:])

  /// Makes an empty register.
  package init() {}

  /// How many are being written.
  package var count: Int { entries.withLock { $0.count } }

  func add(_ id: MessageID, of owner: Owner, cancel: @escaping @Sendable () -> Void) {
    entries.withLock { $0[id] = Entry(owner: owner, cancel: cancel) }
  }

  func remove(_ id: MessageID) {
    entries.withLock { entries in
      _ = entries.removeValue(forKey: id)
    }
  }

  /// Cancels a reply of an owner; `false` when there is none.
  func cancel(_ id: MessageID, of owner: Owner) -> Bool {
    let entry = entries.withLock { $0[id] }
    guard let entry, entry.owner == owner else { return false }
    entry.cancel()
    return true
  }
}

/// Cancels a reply that is being written; what came until then is stored with the finish reason `cancelled`.
package struct CancelChat: Sendable {
  let replies: ActiveReplies

  /// Cancels.
  ///
  /// - Throws: `.notFound` when the caller has no reply of that id under way.
  package func callAsFunction(_ id: MessageID, _ caller: Principal) throws(UseCaseFailure) {
    guard replies.cancel(id, of: caller.owner) else { throw .notFound("no such reply is being written") }
  }
}
