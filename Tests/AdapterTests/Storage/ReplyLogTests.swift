import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: replies")
struct ReplyLogTests {
  private static let all = StorageUnderTest.withReplies

  private static let id = Source(
    marker: 1, documentID: .random(), revisionID: .random(), chunkID: .random(), title: "Über \"Flüsse\"",
    text: "Grüße\n🏞️", startOffset: 3, endOffset: 17, submittedBy: "Ada", approvedBy: "Bob",
    pages: PageSpan(first: 2, last: 2))

  /// One of each kind.
  private static let events: [ChatEvent] = [
    .started(conversationID: .random(), messageID: .random(), userMessageID: .random(), model: "m"),
    .sources([id]), .sources([]), .delta("Ein “Wort”\\ \n"), .delta("🏞️"),
    .toolCall(id: "c\"1", name: "search_knowledge", arguments: #"{"query":"ü\u0000"}"#),
    .toolResult(id: "c\"1", name: "search_knowledge", summary: "1 neue Stelle", isError: false, sources: [id]),
    .toolResult(id: "", name: "", summary: "", isError: true, sources: []),
    .completed(
      finishReason: .length, usage: TokenUsage(promptTokens: 7, completionTokens: 9), citations: [Citation(source: id)]),
    .failed(.invalid("a")), .failed(.unauthenticated("b")), .failed(.forbidden("c")), .failed(.notFound("d")),
    .failed(.alreadyExists("e")), .failed(.precondition("f")), .failed(.exhausted("g")), .failed(.unavailable("h")),
    .failed(.broken("i")), .failed(.cancelled),
  ]

  @Test("events are read as they were written, from any of them on", arguments: all)
  func roundTrip(_ storage: StorageUnderTest) async throws {
    try await storage.withStorage { storage in
      let (reply, reader) = (LoggedReply.sample(), UUID())
      #expect(try await storage.begin(reply))
      try await storage.replies.append(Array(Self.events[..<4]), first: 1, to: reply.id, of: reply.owner)
      try await storage.replies.append(Array(Self.events[4...]), first: 5, to: reply.id, of: reply.owner)
      #expect(try await storage.attach(reader, reply) == Self.events.count)
      for last in [0, 3, 4, Self.events.count] {
        let page = try #require(try await storage.read(reply, reader, after: last))
        #expect(page.events == Array(Self.events[last...]))
        #expect(page.count == Self.events.count && page.writerSeenAt == seconds(0))
      }
      let page = try #require(try await storage.read(reply, reader, after: 2, limit: 2))
      #expect(page.events == Array(Self.events[2..<4]))
      #expect(try await storage.read(reply, reader, after: 2, limit: 0)?.events == [])
    }
  }

  @Test("events that do not follow on those that are there are refused, and nothing changes", arguments: all)
  func order(_ storage: StorageUnderTest) async throws {
    try await storage.withStorage { storage in
      let (reply, reader) = (LoggedReply.sample(), UUID())
      #expect(try await storage.begin(reply))
      for first in [0, 2, 7] {
        await #expect(throws: StorageFailure.conflict("event")) {
          try await storage.replies.append([.delta("x")], first: first, to: reply.id, of: reply.owner)
        }
      }
      try await storage.replies.append([.delta("a")], first: 1, to: reply.id, of: reply.owner)
      await #expect(throws: StorageFailure.conflict("event")) {
        try await storage.replies.append([.delta("b")], first: 1, to: reply.id, of: reply.owner)
      }
      await #expect(throws: StorageFailure.notFound) {
        try await storage.replies.append([.delta("b")], first: 2, to: reply.id, of: .sample())
      }
      _ = try await storage.attach(reader, reply)
      #expect(try await storage.read(reply, reader)?.events == [.delta("a")])
      await #expect(throws: StorageFailure.conflict("reply")) { try await storage.begin(reply) }
    }
  }

  @Test("of many that write the same event one does", arguments: all)
  func concurrentAppends(_ storage: StorageUnderTest) async throws {
    try await storage.withStorage { storage in
      let (reply, reader) = (LoggedReply.sample(), UUID())
      #expect(try await storage.begin(reply))
      let written = await withTaskGroup(of: Int?.self) { group in
        for writer in 0..<8 {
          group.addTask {
            do {
              try await storage.replies.append([.delta("\(writer)")], first: 1, to: reply.id, of: reply.owner)
              return writer
            } catch { return nil }
          }
        }
        return await group.reduce(into: [Int]()) { if let writer = $1 { $0.append(writer) } }
      }
      #expect(written.count == 1)
      _ = try await storage.attach(reader, reply)
      #expect(try await storage.read(reply, reader)?.events == written.map { .delta("\($0)") })
    }
  }

  @Test("the last reader is the reader; one that wants what is not there changes nothing", arguments: all)
  func readers(_ storage: StorageUnderTest) async throws {
    try await storage.withStorage { storage in
      let (reply, first, second) = (LoggedReply.sample(), UUID(), UUID())
      #expect(try await storage.begin(reply))
      try await storage.replies.append([.delta("a"), .delta("b")], first: 1, to: reply.id, of: reply.owner)
      #expect(try await storage.attach(first, reply) == 2)
      #expect(try await storage.attach(second, reply, after: 3) == 2)
      #expect(try await storage.read(reply, first) != nil)
      #expect(try await storage.attach(second, reply, after: 2) == 2)
      #expect(try await storage.read(reply, first) == nil)
      #expect(try await storage.read(reply, second, after: 2)?.events == [])
    }
  }

  @Test("other people's replies, and those that are not resumable, are not found", arguments: all)
  func strangers(_ storage: StorageUnderTest) async throws {
    try await storage.withStorage { storage in
      let reply = LoggedReply.sample()
      let plain = LoggedReply.sample(of: reply.owner, isResumable: false)
      #expect(try await storage.begin(reply))
      #expect(try await storage.begin(plain))
      let sameUser = Owner(organizationID: otherOrganization, userID: reply.owner.userID)
      for owner in [Owner.sample(), sameUser] {
        let foreign = LoggedReply(id: reply.id, owner: owner, isResumable: true)
        await #expect(throws: StorageFailure.notFound) { try await storage.attach(UUID(), foreign) }
        await #expect(throws: StorageFailure.notFound) { try await storage.cancel(foreign) }
        try await storage.replies.end(reply.id, of: owner, at: seconds(1), keepFor: nil)
      }
      await #expect(throws: StorageFailure.notFound) { try await storage.attach(UUID(), plain) }
      await #expect(throws: StorageFailure.notFound) {
        try await storage.replies.append([.delta("x")], first: 1, to: plain.id, of: plain.owner)
      }
      #expect(try await storage.attach(UUID(), reply) == 0)
    }
  }

  @Test("whoever writes hears that it is to stop, and when a reader was there last", arguments: all)
  func attention(_ storage: StorageUnderTest) async throws {
    try await storage.withStorage { storage in
      let (reply, reader) = (LoggedReply.sample(), UUID())
      let plain = LoggedReply.sample(isResumable: false)
      #expect(try await storage.begin(reply))
      #expect(try await storage.begin(plain))
      let ids = [reply.id, plain.id, .random()]
      var heard = try await storage.replies.tend(ids, at: seconds(1), keepFor: 60)
      #expect(Set(heard.keys) == [reply.id, plain.id])
      #expect(heard[reply.id] == ReplyAttention(isCancelled: false, readerSeenAt: seconds(0)))
      _ = try await storage.attach(reader, reply, at: seconds(5))
      heard = try await storage.replies.tend(ids, at: seconds(6), keepFor: 60)
      #expect(heard[reply.id]?.readerSeenAt == seconds(5))
      let page = try #require(try await storage.read(reply, reader, at: seconds(9)))
      #expect(page.writerSeenAt == seconds(6))
      try await storage.cancel(plain, heardSince: seconds(6))
      await #expect(throws: StorageFailure.notFound) { try await storage.cancel(reply, heardSince: seconds(7)) }
      heard = try await storage.replies.tend(ids, at: seconds(10), keepFor: 60)
      #expect(heard[reply.id] == ReplyAttention(isCancelled: false, readerSeenAt: seconds(9)))
      #expect(heard[plain.id]?.isCancelled == true)
      for ended in [reply, plain] {
        try await storage.replies.end(ended.id, of: ended.owner, at: seconds(11), keepFor: 60)
      }
      #expect(try await storage.replies.tend(ids, at: seconds(12), keepFor: 60).isEmpty)
      await #expect(throws: StorageFailure.notFound) { try await storage.cancel(reply) }
    }
  }

  @Test("what has ended is read until it expires, or as long as its reader stays", arguments: all)
  func expiry(_ storage: StorageUnderTest) async throws {
    try await storage.withStorage { storage in
      let (reply, removed, reader) = (LoggedReply.sample(), LoggedReply.sample(), UUID())
      for each in [reply, removed] { #expect(try await storage.begin(each)) }
      try await storage.replies.append([.delta("a")], first: 1, to: reply.id, of: reply.owner)
      try await storage.replies.end(reply.id, of: reply.owner, at: seconds(10), keepFor: 60)
      try await storage.replies.end(removed.id, of: removed.owner, at: seconds(10), keepFor: nil)
      await #expect(throws: StorageFailure.notFound) { try await storage.attach(reader, removed, at: seconds(11)) }
      await #expect(throws: StorageFailure.notFound) {
        try await storage.replies.append([.delta("b")], first: 2, to: reply.id, of: reply.owner)
      }
      _ = try await storage.attach(reader, reply, at: seconds(69))
      let page = try #require(try await storage.read(reply, reader, at: seconds(69)))
      #expect(page.events == [.delta("a")] && page.writerSeenAt == nil)
      // The reader was there at 69, and so it stays until 129.
      #expect(try await storage.read(reply, reader, at: seconds(128)) != nil)
      #expect(try await storage.replies.deleteExpired(at: seconds(150)) == 0)
      await #expect(throws: StorageFailure.notFound) { try await storage.attach(reader, reply, at: seconds(188)) }
      #expect(try await storage.read(reply, reader, at: seconds(188)) == nil)
      #expect(try await storage.replies.deleteExpired(at: seconds(188)) == 1)
      try await storage.replies.end(reply.id, of: reply.owner, at: seconds(189), keepFor: 60)
    }
  }

  @Test("what nobody tends expires, and tending keeps it", arguments: all)
  func untended(_ storage: StorageUnderTest) async throws {
    try await storage.withStorage { storage in
      let (tended, lost) = (LoggedReply.sample(), LoggedReply.sample(isResumable: false))
      for each in [tended, lost] { #expect(try await storage.begin(each)) }
      _ = try await storage.replies.tend([tended.id], at: seconds(50), keepFor: 60)
      #expect(try await storage.replies.deleteExpired(at: seconds(60)) == 1)
      #expect(try await storage.replies.tend([tended.id, lost.id], at: seconds(61), keepFor: 60).count == 1)
    }
  }

  @Test("one owner has so many under way, and as many ended ones are kept, the newest", arguments: all)
  func limits(_ storage: StorageUnderTest) async throws {
    try await storage.withStorage { storage in
      let owner = Owner.sample()
      let replies = (0..<5).map { _ in LoggedReply.sample(of: owner) }
      for reply in replies[..<2] { #expect(try await storage.begin(reply)) }
      #expect(try await storage.begin(replies[2]) == false)
      #expect(try await storage.begin(.sample()))
      #expect(try await storage.begin(.sample(of: owner, isResumable: false)))
      for (index, reply) in replies.enumerated() {
        try await storage.replies.end(reply.id, of: owner, at: seconds(Int64(index)), keepFor: 60)
        if index >= 1, index < 4 { #expect(try await storage.begin(replies[index + 1])) }
      }
      #expect(try await storage.begin(.sample(of: owner)))
      var kept: [Int] = []
      for (index, reply) in replies.enumerated() where (try? await storage.attach(UUID(), reply)) != nil {
        kept.append(index)
      }
      #expect(kept == [3, 4])
      // Those whose writers are dead do not count.
      #expect(try await storage.begin(.sample(of: owner), at: seconds(59)))
      #expect(try await storage.begin(.sample(of: owner), at: seconds(59)) == false)
      #expect(try await storage.begin(.sample(of: owner), at: seconds(61)))
    }
  }

  @Test("a call of a cancelled task fails as cancelled and changes nothing", arguments: all)
  func cancellation(_ storage: StorageUnderTest) async throws {
    try await storage.withStorage { storage in
      let reply = LoggedReply.sample()
      let outcome = await Task { () -> Result<Bool, StorageFailure> in
        withUnsafeCurrentTask { $0?.cancel() }
        do throws(StorageFailure) { return .success(try await storage.begin(reply)) } catch { return .failure(error) }
      }.value
      #expect(outcome == .failure(.cancelled))
      await #expect(throws: StorageFailure.notFound) { try await storage.attach(UUID(), reply) }
    }
  }
}

extension LoggedReply {
  fileprivate static func sample(of owner: Owner = .sample(), isResumable: Bool = true) -> LoggedReply {
    LoggedReply(id: .random(), owner: owner, isResumable: isResumable)
  }
}

// With what most tests leave open: a window of 60 s, two at once for one owner.
extension OpenStorage {
  fileprivate func begin(_ reply: LoggedReply, at time: Date = seconds(0)) async throws(StorageFailure) -> Bool {
    try await replies.begin(reply, at: time, keepFor: 60, maximumPerOwner: 2)
  }

  @discardableResult
  fileprivate func attach(
    _ reader: UUID, _ reply: LoggedReply, after last: Int = 0, at time: Date = seconds(1)
  ) async throws(StorageFailure) -> Int {
    try await replies.attach(reader, to: reply.id, of: reply.owner, after: last, at: time)
  }

  fileprivate func read(
    _ reply: LoggedReply, _ reader: UUID, after last: Int = 0, limit: Int = 100, at time: Date = seconds(2)
  ) async throws(StorageFailure) -> ReplyPage? {
    try await replies.read(
      reply.id, of: reply.owner, by: reader, after: last, limit: limit, at: time, keepFor: 60)
  }

  fileprivate func cancel(_ reply: LoggedReply, heardSince time: Date = seconds(0)) async throws(StorageFailure) {
    try await replies.cancel(reply.id, of: reply.owner, heardSince: time)
  }
}
