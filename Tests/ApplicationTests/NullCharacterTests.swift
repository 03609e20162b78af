import Application
import Domain
import FoundationEssentials
import Testing

@Suite("U+0000 in what comes in")
struct NullCharacterTests {
  let world = TestWorld()

  /// Expects that `body` is refused for a field.
  private func expectRefusal(
    of field: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
  ) async {
    await #expect(
      throws: UseCaseFailure.invalid("\(field) must not contain U+0000"), sourceLocation: sourceLocation
    ) { try await body() }
  }

  @Test("a submission is refused, naming where it is, and nothing is stored")
  func submissions() async throws {
    let ada = try await world.signUp("ada")
    let url = "https://docs.example.org/\u{0}"
    world.fetcher.script(url, .failure(.unavailable("never fetched")))
    func submit(
      _ title: String = "T", _ content: SubmissionContent = .text("x"), _ metadata: Metadata = [:],
      source: String? = nil
    ) async throws {
      _ = try await world.useCases.submit(
        SubmitKnowledge.Command(title: title, content: content, metadata: metadata, sourceURI: source), ada)
    }
    func file(_ name: String = "x", _ type: String = "text/plain") -> SubmissionContent {
      .file(name: name, mediaType: MediaType(type), bytes: Data("a\u{0}b".utf8))
    }
    await expectRefusal(of: "title") { try await submit("a\u{0}b") }
    await expectRefusal(of: "text") { try await submit("T", .text("a\u{0}")) }
    await expectRefusal(of: "url") { try await submit("T", .url(url)) }
    await expectRefusal(of: "the file's name") { try await submit("T", file("x\u{0}.txt")) }
    await expectRefusal(of: "the file's media type") { try await submit("T", file("x", "text/\u{0}")) }
    await expectRefusal(of: "sourceUri") { try await submit(source: "s\u{0}") }
    let deep: MetadataValue = .list([.null, .object(["x": .list([.string("ok"), .string("\u{0}")])])])
    await expectRefusal(of: "metadata.tags") { try await submit("T", .text("x"), ["tags": deep, "a": .bool(true)]) }
    await expectRefusal(of: "metadata.author") { try await submit("T", .text("x"), ["author": .string("\u{0}")]) }
    await expectRefusal(of: "a key of metadata") { try await submit("T", .text("x"), ["\u{0}": .null]) }
    await expectRefusal(of: "a key in metadata.a") {
      try await submit("T", .text("x"), ["a": .list([.object(["k\u{0}": .null])])])
    }
    #expect(try await world.useCases.review.list(status: nil, page: PageRequest(), ada).items.isEmpty)
    // The bytes of a file are whatever they are.
    try await submit("T", file())
  }

  @Test("names, titles, notes, questions and searches are refused, and nothing changes")
  func otherTexts() async throws {
    await expectRefusal(of: "displayName") {
      _ = try await world.useCases.signUp(
        SignUp.Command(email: "ada@example.org", password: "correct horse", displayName: "A\u{0}da"))
    }
    let ada = try await world.signUp("ada")
    let pending = try await world.useCases.submit(SubmitKnowledge.Command(title: "T", content: .text("x")), ada)
    await expectRefusal(of: "note") { _ = try await world.useCases.review.approve(pending.id, note: "\u{0}", ada) }
    await expectRefusal(of: "note") { _ = try await world.useCases.review.reject(pending.id, note: "no\u{0}", ada) }
    #expect(try await world.useCases.review.get(pending.id, ada).submission == pending)

    let talk = try await world.useCases.conversations.create(title: "Talk", ada)
    await expectRefusal(of: "title") { _ = try await world.useCases.conversations.create(title: "a\u{0}", ada) }
    await expectRefusal(of: "title") { _ = try await world.useCases.conversations.rename(talk.id, to: "\u{0}", ada) }
    let log = ChatLog()
    let questions = [
      ("message", StreamChat.Command(message: "why\u{0}?")),
      ("filters.tags", StreamChat.Command(message: "why?", filters: SearchFilters(tags: ["a", "\u{0}"]))),
    ]
    for (field, command) in questions {
      await expectRefusal(of: field) { try await world.useCases.streamChat(command, ada, emit: log.emit) }
    }
    #expect(log.events.isEmpty)
    #expect(try await world.useCases.conversations.list(page: PageRequest(), ada).items == [talk])

    let queries = [
      ("query", SearchKnowledge.Query(text: "a\u{0}b")),
      ("filters.tags", SearchKnowledge.Query(text: "a", filters: SearchFilters(tags: ["\u{0}"]))),
      ("filters.sourceUriPrefix", SearchKnowledge.Query(text: "a", filters: SearchFilters(sourcePrefix: "\u{0}"))),
    ]
    for (field, query) in queries {
      await expectRefusal(of: field) { _ = try await world.useCases.search(query, ada) }
    }
  }

  @Test("a model's reply is stored and shown without it")
  func replies() async throws {
    let world = TestWorld(models: [ScriptedModel(.reply(["ha\u{0}lf", "\u{0}", " and half"]))])
    let ada = try await world.signUp("ada")
    let log = ChatLog()
    try await world.useCases.streamChat(StreamChat.Command(message: "q"), ada, emit: log.emit)
    #expect(log.text == "half and half")
    #expect(log.events.count == 5, "started, sources, two parts, completed")
    let started = try required(log.started)
    let stored = try await world.useCases.conversations.messages(of: started.conversation, ada)
    #expect(stored.last?.content == "half and half")
  }

  @Test("what an extractor gives is published without it, and its offsets still give back the bytes")
  func extraction() async throws {
    let ada = try await world.signUp("ada")
    let bytes = Data("Über \u{0}\u{0}Grenz\u{0}schichten.".utf8)
    let content = SubmissionContent.file(name: "x.txt", mediaType: .plainText, bytes: bytes)
    let submission = try await world.useCases.submit(SubmitKnowledge.Command(title: "T", content: content), ada)
    _ = try await world.useCases.review.approve(submission.id, note: nil, ada)
    #expect(try await world.useCases.ingestNext(worker: "w"))
    let hit = try required(try await world.useCases.search(SearchKnowledge.Query(text: "grenzschichten"), ada).first)
    let text = try await world.useCases.documents.text(of: hit.passage.documentID, revision: nil, ada).text
    #expect(text == "Über Grenzschichten.")
    let chunk = hit.passage.chunk
    #expect(String(decoding: Array(text.utf8)[chunk.startOffset..<chunk.endOffset], as: UTF8.self) == chunk.text)
  }

  @Test("the reason of a failed job is stored without it")
  func reasons() async throws {
    let ada = try await world.signUp("ada")
    let url = "https://docs.example.org/a"
    world.fetcher.script(url, .failure(.invalid("the host said \"\u{0}\"")))
    let submission = try await world.useCases.submit(SubmitKnowledge.Command(title: "T", content: .url(url)), ada)
    let id = try required(try await world.useCases.review.approve(submission.id, note: nil, ada).jobID)
    #expect(try await world.useCases.ingestNext(worker: "w"))
    #expect(try await world.useCases.jobs.get(id, ada).error == "the host said \"\"")
  }
}
