package import Application
package import Domain
package import FoundationEssentials
import Synchronization

/// The replies that are being written, and the events of resumable ones, in this process's memory.
///
/// Of ended replies it keeps no more than ``maximumEnded``, the newest.
package final class InMemoryReplyLog: ReplyLog {
  private struct Row {
    let reply: LoggedReply
    var events: [ChatEvent] = []
    var writerSeenAt: Date
    var reader: UUID?
    var readerSeenAt: Date
    var expiresAt: Date
    var endedAt: Date?
    var isCancelled = false
  }

  /// How many ended replies are kept.
  package let maximumEnded: Int
  private let rows = Mutex<[MessageID: Row]>([:])

  /// Makes an empty log.
  package init(maximumEnded: Int = 256) { self.maximumEnded = maximumEnded }

  package func begin(
    _ reply: LoggedReply, at time: Date, keepFor: TimeInterval, maximumPerOwner: Int
  ) async throws(StorageFailure) -> Bool {
    try access { rows throws(StorageFailure) in
      guard rows[reply.id] == nil else { throw .conflict("reply") }
      if reply.isResumable {
        let own = rows.values.filter { $0.reply.owner == reply.owner && $0.reply.isResumable && time < $0.expiresAt }
        guard own.count(where: { $0.endedAt == nil }) < maximumPerOwner else { return false }
        Self.forget(own, keeping: maximumPerOwner, &rows)
        Self.forget(Array(rows.values), keeping: maximumEnded, &rows)
      }
      rows[reply.id] = Row(
        reply: reply, writerSeenAt: time, readerSeenAt: time, expiresAt: time.addingTimeInterval(keepFor))
      return true
    }
  }

  /// Removes the ended ones among some rows, but for the newest.
  private static func forget(_ candidates: [Row], keeping maximum: Int, _ rows: inout [MessageID: Row]) {
    let ended = candidates.filter { $0.endedAt != nil }
    guard ended.count > maximum else { return }
    let oldestFirst = ended.sorted { ($0.endedAt ?? $0.expiresAt) < ($1.endedAt ?? $1.expiresAt) }
    for row in oldestFirst.dropLast(maximum) { rows[row.reply.id] = nil }
  }

  package func append(
    _ events: [ChatEvent], first: Int, to reply: MessageID, of owner: Owner
  ) async throws(StorageFailure) {
    try access { rows throws(StorageFailure) in
      guard var row = rows[reply], row.reply.owner == owner, row.reply.isResumable, row.endedAt == nil else {
        throw .notFound
      }
      guard first == row.events.count + 1 else { throw .conflict("event") }
      row.events += events
      rows[reply] = row
    }
  }

  package func tend(
    _ replies: [MessageID], at time: Date, keepFor: TimeInterval
  ) async throws(StorageFailure) -> [MessageID: ReplyAttention] {
    try access { rows in
      var attention: [MessageID: ReplyAttention] = [:]
      for id in replies {
        guard var row = rows[id], row.endedAt == nil else { continue }
        row.writerSeenAt = max(row.writerSeenAt, time)
        row.expiresAt = max(row.expiresAt, time.addingTimeInterval(keepFor))
        rows[id] = row
        attention[id] = ReplyAttention(isCancelled: row.isCancelled, readerSeenAt: row.readerSeenAt)
      }
      return attention
    }
  }

  package func end(
    _ reply: MessageID, of owner: Owner, at time: Date, keepFor: TimeInterval?
  ) async throws(StorageFailure) {
    try access { rows in
      guard var row = Self.row(reply, of: owner, in: rows, at: time) else { return }
      if let keepFor {
        row.endedAt = time
        row.expiresAt = time.addingTimeInterval(keepFor)
        rows[reply] = row
      } else {
        rows[reply] = nil
      }
    }
  }

  package func attach(
    _ reader: UUID, to reply: MessageID, of owner: Owner, after last: Int, at time: Date
  ) async throws(StorageFailure) -> Int {
    try access { rows throws(StorageFailure) in
      guard var row = Self.row(reply, of: owner, in: rows, at: time), row.reply.isResumable else { throw .notFound }
      guard last <= row.events.count else { return row.events.count }
      row.reader = reader
      row.readerSeenAt = max(row.readerSeenAt, time)
      rows[reply] = row
      return row.events.count
    }
  }

  package func read(
    _ reply: MessageID, of owner: Owner, by reader: UUID, after last: Int, limit: Int, at time: Date,
    keepFor: TimeInterval
  ) async throws(StorageFailure) -> ReplyPage? {
    try access { rows in
      guard var row = Self.row(reply, of: owner, in: rows, at: time), row.reader == reader else { return nil }
      row.readerSeenAt = max(row.readerSeenAt, time)
      row.expiresAt = max(row.expiresAt, time.addingTimeInterval(keepFor))
      rows[reply] = row
      return ReplyPage(
        events: Array(row.events.dropFirst(last).prefix(limit)), count: row.events.count,
        writerSeenAt: row.endedAt == nil ? row.writerSeenAt : nil)
    }
  }

  package func cancel(
    _ reply: MessageID, of owner: Owner, heardSince time: Date
  ) async throws(StorageFailure) {
    try access { rows throws(StorageFailure) in
      guard let row = rows[reply], row.reply.owner == owner, row.endedAt == nil, row.writerSeenAt >= time else {
        throw .notFound
      }
      rows[reply]?.isCancelled = true
    }
  }

  @discardableResult
  package func deleteExpired(at time: Date) async throws(StorageFailure) -> Int {
    try access { rows in
      let before = rows.count
      rows = rows.filter { time < $0.value.expiresAt }
      return before - rows.count
    }
  }

  /// A row of its owner that has not expired.
  private static func row(
    _ id: MessageID, of owner: Owner, in rows: [MessageID: Row], at time: Date
  ) -> Row? {
    guard let row = rows[id], row.reply.owner == owner, time < row.expiresAt else { return nil }
    return row
  }

  private func access<Result: Sendable>(
    _ body: (inout [MessageID: Row]) throws(StorageFailure) -> Result
  ) throws(StorageFailure) -> Result {
    guard !Task.isCancelled else { throw .cancelled }
    return try rows.withLock { (rows: inout sending [MessageID: Row]) throws(StorageFailure) -> Result in
      try body(&rows)
    }
  }
}
