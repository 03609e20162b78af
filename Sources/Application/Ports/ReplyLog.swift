package import Domain
package import FoundationEssentials

/// The replies that are being written, in all processes that share the log, and the events of those that can be taken up
/// again.
///
/// A reply has one writer, which says now and then that it is there, and one reader at most, the last that came. Events
/// have ids that count from 1, without a gap. For readers what has expired is as if it were not there, and other people's
/// replies are not found; a writer that comes back late finds its reply as long as nobody has removed it.
package protocol ReplyLog: Sendable {
  /// Enters a reply before it is written, and forgets its owner's oldest ended ones beyond `maximumPerOwner`.
  ///
  /// - Parameters:
  ///   - keepFor: how long it stays, in seconds, when nobody tends it.
  ///   - maximumPerOwner: how many resumable replies of one owner may be written at once.
  /// - Returns: `false`, and nothing is entered, when the owner has as many already.
  /// - Throws: `.conflict("reply")` when the id is taken.
  func begin(
    _ reply: LoggedReply, at time: Date, keepFor: TimeInterval, maximumPerOwner: Int
  ) async throws(StorageFailure) -> Bool

  /// Adds the events that follow those that are there, all or none.
  ///
  /// - Parameter first: the id of the first of them.
  /// - Throws: `.notFound` when the reply has ended or was removed or is not resumable; `.conflict("event")` when the ids do
  ///   not follow on those that are there.
  func append(
    _ events: [ChatEvent], first: Int, to reply: MessageID, of owner: Owner
  ) async throws(StorageFailure)

  /// Says that these replies are still being written here, and tells what their writer is to know of them. Those that
  /// have ended or were removed are left out.
  ///
  /// - Parameter keepFor: how long they stay, in seconds, when nobody tends them again.
  func tend(
    _ replies: [MessageID], at time: Date, keepFor: TimeInterval
  ) async throws(StorageFailure) -> [MessageID: ReplyAttention]

  /// Ends a reply. One that is not there is no failure.
  ///
  /// - Parameter keepFor: how long its events can still be read, in seconds, unless a reader stays longer; `nil` removes
  ///   it at once.
  func end(
    _ reply: MessageID, of owner: Owner, at time: Date, keepFor: TimeInterval?
  ) async throws(StorageFailure)

  /// Makes somebody the reader of a resumable reply in the place of whoever was, if it has an event of the id `last`, or
  /// `last` is 0.
  ///
  /// - Returns: how many events there are: fewer than `last` when nothing was changed.
  /// - Throws: `.notFound`.
  func attach(
    _ reader: UUID, to reply: MessageID, of owner: Owner, after last: Int, at time: Date
  ) async throws(StorageFailure) -> Int

  /// The events behind one, in order, for the reader, who is thereby seen to be there: what it reads stays for
  /// `keepFor` seconds from now at least.
  ///
  /// - Returns: `nil` when another has become the reader, or the reply is gone.
  func read(
    _ reply: MessageID, of owner: Owner, by reader: UUID, after last: Int, limit: Int, at time: Date,
    keepFor: TimeInterval
  ) async throws(StorageFailure) -> ReplyPage?

  /// Asks whoever writes a reply to stop; it hears so when it tends the reply next.
  ///
  /// - Parameter time: the writer must have been heard since then.
  /// - Throws: `.notFound` when the owner has no such reply that is being written.
  func cancel(_ reply: MessageID, of owner: Owner, heardSince time: Date) async throws(StorageFailure)

  /// Removes what has expired, of all owners, and tells how many replies that were.
  @discardableResult
  func deleteExpired(at time: Date) async throws(StorageFailure) -> Int
}

/// A reply as it is entered.
package struct LoggedReply: Hashable, Sendable {
  /// The id of the message that it will be.
  package let id: MessageID
  /// Whose it is.
  package let owner: Owner
  /// Whether its events are kept.
  package let isResumable: Bool

  /// Makes an entry.
  package init(id: MessageID, owner: Owner, isResumable: Bool) {
    self.id = id
    self.owner = owner
    self.isResumable = isResumable
  }
}

/// What the writer of a reply is to know.
package struct ReplyAttention: Hashable, Sendable {
  /// Whether somebody asked for it to be stopped.
  package let isCancelled: Bool
  /// When a reader was there last; that of the beginning where none has come.
  package let readerSeenAt: Date

  /// Makes what is told.
  package init(isCancelled: Bool, readerSeenAt: Date) {
    self.isCancelled = isCancelled
    self.readerSeenAt = readerSeenAt
  }
}

/// Some events of a reply.
package struct ReplyPage: Hashable, Sendable {
  /// The events, in order.
  package let events: [ChatEvent]
  /// How many there are in all.
  package let count: Int
  /// When the writer was heard last; `nil` once the reply has ended.
  package let writerSeenAt: Date?

  /// Makes a page.
  package init(events: [ChatEvent], count: Int, writerSeenAt: Date?) {
    self.events = events
    self.count = count
    self.writerSeenAt = writerSeenAt
  }
}
