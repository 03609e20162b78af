package import Domain
import FoundationEssentials
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

  /// Their ids.
  var ids: [MessageID] { entries.withLock { Array($0.keys) } }

  /// Whether a reply is being written here.
  func contains(_ id: MessageID) -> Bool { entries.withLock { $0[id] != nil } }

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

  /// Cancels a reply, whosever it is; none of that id is no failure.
  func cancel(_ id: MessageID) { entries.withLock { $0[id] }?.cancel() }
}

/// Cancels a reply that is being written, here or in another process; what came until then is stored with the finish reason
/// `cancelled`.
package struct CancelChat: Sendable {
  let replies: ActiveReplies
  let log: any ReplyLog
  /// A writer that has said nothing for so many seconds is dead.
  let writerSilence: TimeInterval
  let clock: WallClock

  /// Cancels. A reply of this process has been told when this returns; one of another process is told by the log, which
  /// it hears within its heartbeat at the latest.
  ///
  /// - Throws: `.notFound` when the caller has no reply of that id under way.
  package func callAsFunction(_ id: MessageID, _ caller: Principal) async throws(UseCaseFailure) {
    if replies.cancel(id, of: caller.owner) { return }
    do throws(StorageFailure) {
      try await log.cancel(id, of: caller.owner, heardSince: clock.now().addingTimeInterval(-writerSilence))
    } catch {
      if case .notFound = error { throw .notFound("no such reply is being written") }
      throw UseCaseFailure(error, "reply")
    }
  }
}
