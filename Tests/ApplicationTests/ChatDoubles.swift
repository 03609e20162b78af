import Application
import Domain
import FoundationEssentials
import InMemoryStorage
import Synchronization

/// A model that says what a test tells it to, when it does.
final class StepModel: LanguageModel {
  let name = "steps"
  private let parts: AsyncStream<String>
  private let teller: AsyncStream<String>.Continuation
  private let cancelled = Switch(false)

  var wasCancelled: Bool { cancelled.isOn }

  init() { (parts, teller) = AsyncStream.makeStream() }

  func say(_ part: String) { teller.yield(part) }
  func stop() { teller.finish() }

  func reply(
    to request: ModelRequest, reader: ReplyReader
  ) async throws(ModelFailure) -> ReplyEnd {
    for await part in parts { try await reader.write(part) }
    guard !Task.isCancelled else {
      cancelled.isOn = true
      throw .cancelled
    }
    return ReplyEnd(finishReason: .stop, usage: nil)
  }
}

/// A log in memory that fails every third time when events are added.
final class FlakyReplyLog: ReplyLog {
  enum Fault: CaseIterable {
    /// Nothing is written.
    case refused
    /// It is written, but nobody is told.
    case answerLost
  }

  private let log = InMemoryReplyLog()
  private let fault: Fault
  private let calls = Mutex(0)
  var faults: Int { calls.withLock { $0 } / 3 }

  init(_ fault: Fault) { self.fault = fault }

  func append(
    _ events: [ChatEvent], first: Int, to reply: MessageID, of owner: Owner
  ) async throws(StorageFailure) {
    let isFaulty = calls.withLock { calls in
      calls += 1
      return calls % 3 == 0
    }
    if isFaulty, fault == .refused { throw .unavailable("it is away") }
    try await log.append(events, first: first, to: reply, of: owner)
    if isFaulty { throw .unavailable("nobody knows whether it was written") }
  }

  func begin(
    _ reply: LoggedReply, at time: Date, keepFor: TimeInterval, maximumPerOwner: Int
  ) async throws(StorageFailure) -> Bool {
    try await log.begin(reply, at: time, keepFor: keepFor, maximumPerOwner: maximumPerOwner)
  }

  func tend(
    _ replies: [MessageID], at time: Date, keepFor: TimeInterval
  ) async throws(StorageFailure) -> [MessageID: ReplyAttention] {
    try await log.tend(replies, at: time, keepFor: keepFor)
  }

  func end(
    _ reply: MessageID, of owner: Owner, at time: Date, keepFor: TimeInterval?
  ) async throws(StorageFailure) {
    try await log.end(reply, of: owner, at: time, keepFor: keepFor)
  }

  func attach(
    _ reader: UUID, to reply: MessageID, of owner: Owner, after last: Int, at time: Date
  ) async throws(StorageFailure) -> Int {
    try await log.attach(reader, to: reply, of: owner, after: last, at: time)
  }

  func read(
    _ reply: MessageID, of owner: Owner, by reader: UUID, after last: Int, limit: Int, at time: Date,
    keepFor: TimeInterval
  ) async throws(StorageFailure) -> ReplyPage? {
    try await log.read(reply, of: owner, by: reader, after: last, limit: limit, at: time, keepFor: keepFor)
  }

  func cancel(_ reply: MessageID, of owner: Owner, heardSince time: Date) async throws(StorageFailure) {
    try await log.cancel(reply, of: owner, heardSince: time)
  }

  func deleteExpired(at time: Date) async throws(StorageFailure) -> Int { try await log.deleteExpired(at: time) }
}
