import Application
import Contract
import Domain
import Foundation
import IntelligenceClient
import Synchronization
import Testing

@Suite("The gateway calls the intelligence side over gRPC", .timeLimit(.minutes(2)))
struct IntelligenceClientTests {
  private static let source = Source(
    marker: 1, documentID: DocumentID(UUID()), revisionID: RevisionID(UUID()), chunkID: ChunkID(UUID()),
    title: "Rivers", text: "A river bends — ünïcode 🏞️", startOffset: 0, endOffset: 32, submittedBy: "Ada",
    approvedBy: "Bob", pages: PageSpan(first: 3, last: 4))

  private static let events: [ChatEvent] = [
    .started(
      conversationID: ConversationID(UUID()), messageID: MessageID(UUID()), userMessageID: MessageID(UUID()), model: "m"
    ),
    .sources([source]), .delta("A river "),
    .toolCall(id: "a", name: "search_knowledge", arguments: #"{"query":"bends"}"#),
    .toolResult(id: "a", name: "search_knowledge", summary: "1 new passage", isError: false, sources: [source]),
    .toolResult(id: "a", name: "search_knowledge", summary: "no", isError: true, sources: []), .delta("bends [1]."),
    .completed(
      finishReason: .length, usage: TokenUsage(promptTokens: 12, completionTokens: 0),
      citations: [Citation(source: source)]),
  ]

  private static let command = StreamChat.Command(
    message: "Why does a river bend?", conversationID: ConversationID(UUID()), parentID: MessageID(UUID()), model: "m",
    asOf: Date(timeIntervalSince1970: 1_800_000_000.25),
    filters: SearchFilters(
      documentIDs: [DocumentID(UUID()), DocumentID(UUID())], tags: ["a", "b"], contributorID: UserID(UUID()),
      sourcePrefix: "https://", publishedAfter: Date(timeIntervalSince1970: 1),
      publishedBefore: Date(timeIntervalSince1970: 2)))

  @Test("a question, its caller and the events of its answer cross unchanged")
  func chat() async throws {
    let intelligence = ScriptedIntelligence { _, _, emit throws(UseCaseFailure) in
      for event in Self.events { try await emit(event) }
    }
    let process = try await IntelligenceProcess(intelligence)
    let log = Events()
    try await withClient(of: [process]) { client in try await client.chat(Self.command, ada, emit: log.emit) }
    #expect(log.all == Self.events)
    let (command, caller) = try intelligence.state.withLock { (try #require($0.commands.first), $0.callers.first) }
    #expect(caller == ada)
    #expect(command.message == Self.command.message)
    #expect(command.conversationID == Self.command.conversationID)
    #expect(command.parentID == Self.command.parentID)
    #expect(command.model == "m")
    #expect(command.asOf == Self.command.asOf)
    #expect(command.filters == Self.command.filters)
    try await process.stop()
  }

  @Test("searches, embeddings, answers anew, stops and hints cross too")
  func otherMethods() async throws {
    let intelligence = ScriptedIntelligence()
    let hit = SearchHit(
      passage: Passage(
        chunk: DocumentChunk(
          id: ChunkID(UUID()), ordinal: 7, startOffset: 3, endOffset: 9, text: "a text", headings: ["H", "h"],
          pages: PageSpan(first: 12, last: 12)),
        documentID: DocumentID(UUID()), revisionID: RevisionID(UUID()), title: "T", submittedBy: "Ada",
        approvedBy: "Bob"),
      score: 0.125)
    let similar = SimilarityReport(
      documents: [
        SimilarDocument(
          documentID: DocumentID(UUID()), revisionID: RevisionID(UUID()), title: "T", similarity: 0.625,
          isIdentical: false, sharedText: "größer als", range: 3..<14)
      ],
      submissions: [
        SimilarSubmission(
          submissionID: SubmissionID(UUID()), title: "S", similarity: 1, isIdentical: true, sharedText: "größer als")
      ], comparedSubmissions: 7)
    let submission = SubmissionID(UUID())
    intelligence.state.withLock { state in
      state.hits = [hit]
      state.similar = similar
    }
    let process = try await IntelligenceProcess(intelligence)
    let query = SearchKnowledge.Query(text: "a text", mode: .lexical, limit: 3, filters: Self.command.filters)
    let reply = RegenerateMessage.Command(
      messageID: MessageID(UUID()), conversationID: ConversationID(UUID()), model: "m")
    let log = Events()
    let ticket = UsageTicket(
      callID: UsageCallID(UUID()), apiKeyID: APIKeyID(UUID()), startedAt: Date(microseconds: 1_790_000_000_123_456))
    try await withClient(of: [process]) { client in
      let hits = try await client.search(query, ada)
      #expect(hits == [hit])
      #expect(try await client.similar(to: submission, ada) == similar)
      let vectors = try await client.embed(["ab", "c"], ada)
      #expect(
        vectors
          == EmbedTexts.Answer(model: "m", vectors: [Embedding([2, -0.5]), Embedding([1, -0.5])], tokens: 7, cost: 9))
      try await client.regenerate(reply, ada, usage: ticket, emit: log.emit)
      try await client.cancel(reply.messageID, ada)
      await client.wakeWorkers()
      try await eventually { intelligence.state.withLock { $0.wakeUps } == 1 }
    }
    #expect(log.all == [.delta("anew")])
    intelligence.state.withLock { state in
      #expect(state.queries == [query])
      #expect(state.compared == [submission])
      #expect(state.regenerated.first?.messageID == reply.messageID)
      #expect(state.regenerated.first?.conversationID == reply.conversationID)
      #expect(state.cancelled == [reply.messageID])
      #expect(state.wakeUps == 1)
      #expect(state.tickets == [ticket])
    }
    try await process.stop()
  }

  @Test(
    "a failure keeps its kind and its words",
    arguments: [
      UseCaseFailure.invalid("a"), .forbidden("b"), .notFound("c"), .alreadyExists("d"), .precondition("é"),
      .exhausted("f"), .unavailable("storage does not answer; try again"),
    ])
  func failures(failure: UseCaseFailure) async throws {
    let intelligence = ScriptedIntelligence()
    intelligence.state.withLock { $0.failure = failure }
    let process = try await IntelligenceProcess(intelligence)
    try await withClient(of: [process]) { client in
      await #expect(throws: failure) { try await client.search(SearchKnowledge.Query(text: "x"), ada) }
      await #expect(throws: failure) { try await client.chat(Self.command, ada, emit: Events().emit) }
    }
    try await process.stop()
  }

  @Test("a defect of the other side tells nothing of itself")
  func defect() async throws {
    let intelligence = ScriptedIntelligence()
    intelligence.state.withLock { $0.failure = .broken("the table is on fire") }
    let process = try await IntelligenceProcess(intelligence)
    try await withClient(of: [process]) { client in
      do {
        _ = try await client.search(SearchKnowledge.Query(text: "x"), ada)
        Issue.record("nothing was thrown")
      } catch UseCaseFailure.broken(let words) {
        #expect(!words.contains("fire"))
      }
    }
    try await process.stop()
  }

  @Test("an answer that fails half-way fails so, behind its events")
  func failsHalfWay() async throws {
    let process = try await IntelligenceProcess(
      ScriptedIntelligence { _, _, emit throws(UseCaseFailure) in
        try await emit(.delta("half"))
        throw .unavailable("the model stopped")
      })
    let log = Events()
    try await withClient(of: [process]) { client in
      await #expect(throws: UseCaseFailure.unavailable("the model stopped")) {
        try await client.chat(Self.command, ada, emit: log.emit)
      }
    }
    #expect(log.all == [.delta("half")])
    try await process.stop()
  }

  @Test("cancelling the caller's task cancels the work on the other side at once")
  func cancellation() async throws {
    let cancelledAt = Mutex<ContinuousClock.Instant?>(nil)
    let process = try await IntelligenceProcess(
      ScriptedIntelligence { _, _, emit throws(UseCaseFailure) in
        try await emit(.delta("first"))
        do { try await Task.sleep(for: .seconds(60)) } catch {
          cancelledAt.withLock { $0 = .now }
          throw .cancelled
        }
      })
    try await withClient(of: [process]) { client in
      let log = Events()
      let chat = Task { () -> UseCaseFailure? in
        do throws(UseCaseFailure) {
          try await client.chat(Self.command, ada, emit: log.emit)
          return nil
        } catch {
          return error
        }
      }
      try await eventually { log.all == [.delta("first")] }
      let start = ContinuousClock.now
      chat.cancel()
      #expect(await chat.value == .cancelled)
      try await eventually { cancelledAt.withLock { $0 } != nil }
      let end = try #require(cancelledAt.withLock { $0 })
      #expect(end - start < .seconds(2))
    }
    try await process.stop()
  }

  @Test("what the reader throws ends the call on both sides, and is what the caller gets")
  func readerLeaves() async throws {
    let wasCancelled = Mutex(false)
    let process = try await IntelligenceProcess(
      ScriptedIntelligence { _, _, emit throws(UseCaseFailure) in
        // More than fits on the way, so that the end is noticed while it is written.
        let part = String(repeating: "x", count: 64 << 10)
        for _ in 0..<10_000 {
          do throws(UseCaseFailure) { try await emit(.delta(part)) } catch {
            wasCancelled.withLock { $0 = error == .cancelled }
            throw error
          }
        }
      })
    try await withClient(of: [process]) { client in
      await #expect(throws: UseCaseFailure.exhausted("enough")) {
        try await client.chat(Self.command, ada) { _ throws(UseCaseFailure) in throw .exhausted("enough") }
      }
      try await eventually { wasCancelled.withLock { $0 } }
    }
    #expect(wasCancelled.withLock { $0 })
    try await process.stop()
  }

  @Test("the caller's deadline goes with the call")
  func deadline() async throws {
    let seen = Mutex<Duration?>(nil)
    let process = try await IntelligenceProcess(
      ScriptedIntelligence { _, _, _ throws(UseCaseFailure) in
        seen.withLock { $0 = CallContext.current?.deadline.map { $0 - .now } }
        do { try await Task.sleep(for: .seconds(60)) } catch { throw .cancelled }
      })
    try await withClient(of: [process]) { client in
      let context = CallContext(
        requestID: "r-1", bearerToken: nil, remoteAddress: nil, userAgent: nil, deadline: .now + .seconds(2))
      let start = ContinuousClock.now
      await #expect(throws: UseCaseFailure.self) {
        try await CallContext.$current.withValue(context) {
          try await client.chat(Self.command, ada, emit: Events().emit)
        }
      }
      #expect(ContinuousClock.now - start < .seconds(20))
    }
    let left = try #require(seen.withLock { $0 })
    #expect(left > .zero && left <= .seconds(2))
    try await process.stop()
  }

  @Test("a reader that does not read holds the writer up")
  func backPressure() async throws {
    let written = Mutex(0)
    let part = String(repeating: "x", count: 64 << 10)
    let process = try await IntelligenceProcess(
      ScriptedIntelligence { _, _, emit throws(UseCaseFailure) in
        for _ in 0..<1_000 {
          try await emit(.delta(part))
          written.withLock { $0 += 1 }
        }
      })
    try await withClient(of: [process]) { client in
      let chat = Task {
        try await client.chat(Self.command, ada) { _ throws(UseCaseFailure) in
          do { try await Task.sleep(for: .seconds(60)) } catch { throw .cancelled }
        }
      }
      try await eventually { written.withLock { $0 } > 0 }
      var last = -1
      // Until nothing moves any more.
      while written.withLock({ $0 }) != last {
        last = written.withLock { $0 }
        try await Task.sleep(for: .milliseconds(300))
      }
      // 64 MB would be written without it. The window is 1 MiB; the rest lies in the kernel, whose buffers grow as it sees
      // fit, and the library.
      #expect(last < 400, "\(last) parts of 64 KiB were written ahead")
      chat.cancel()
      _ = await chat.result
    }
    try await process.stop()
  }

  @Test("who shows another secret is refused, and nothing is done")
  func secret() async throws {
    let intelligence = ScriptedIntelligence()
    let process = try await IntelligenceProcess(intelligence, secret: String(repeating: "a", count: 32))
    for shown in [nil, "", String(repeating: "b", count: 32), String(repeating: "a", count: 31)] {
      try await withClient(of: [process], secret: shown) { client in
        do {
          _ = try await client.search(SearchKnowledge.Query(text: "x"), ada)
          Issue.record("\(shown ?? "no secret") was let in")
        } catch UseCaseFailure.broken(let words) {
          #expect(words.contains("intelligence.secret"))
        }
      }
    }
    #expect(intelligence.state.withLock { $0.callers.isEmpty })
    try await withClient(of: [process], secret: String(repeating: "a", count: 32)) { client in
      let hits = try await client.search(SearchKnowledge.Query(text: "x"), ada)
      #expect(hits.isEmpty)
    }
    try await process.stop()
  }
}
