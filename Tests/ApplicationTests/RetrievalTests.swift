import Application
import Domain
import Synchronization
import Testing

/// Judges passages by what a test says, and remembers what it was asked.
final class ScriptedReranker: Reranker {
  private let judge: @Sendable ([String]) throws(RerankingFailure) -> [Double]
  private let asked = Mutex<[(question: String, passages: [String])]>([])

  var requests: [(question: String, passages: [String])] { asked.withLock { $0 } }

  init(_ judge: @escaping @Sendable ([String]) throws(RerankingFailure) -> [Double]) { self.judge = judge }

  func scores(of passages: [String], for question: String) async throws(RerankingFailure) -> [Double] {
    asked.withLock { $0.append((question, passages)) }
    return try judge(passages)
  }
}

@Suite("Finding passages")
struct RetrievalTests {
  private func library(_ world: TestWorld, _ admin: Principal) async throws {
    for (title, text) in [
      ("Leave", "Employees have thirty days of leave a year."),
      ("Carrying over", "Days of leave that are left can be carried over until March."),
      ("Tunnels", "The wind tunnel runs at night."),
    ] {
      try await world.publish(text, title: title, source: title, by: admin)
    }
  }

  private func titles(_ hits: [SearchHit]) -> [String] { hits.map(\.passage.title) }

  @Test("a question that refers back is searched with the one before it, in a search and in a chat")
  func followUp() async throws {
    let model = ScriptedModel(.reply(["ok"]))
    let world = TestWorld(models: [model])
    let ada = try await world.signUp("ada")
    try await library(world, ada)
    let after = SearchKnowledge.Query(text: "When is it?", history: ["The wind tunnels, who runs them?"])
    #expect(titles(try await world.useCases.search(after, ada)).first == "Tunnels")

    let first = ChatLog()
    try await world.useCases.streamChat(
      StreamChat.Command(message: "Who runs the wind tunnel?"), ada, emit: first.emit)
    let second = ChatLog()
    try await world.useCases.streamChat(
      StreamChat.Command(message: "When is it?", conversationID: try required(first.started).conversation), ada,
      emit: second.emit)
    #expect(second.sources.first?.title == "Tunnels")
    #expect(model.requests.last?.question == "Who runs the wind tunnel? When is it?")
  }

  @Test("what the asker has said about themselves is searched with, and told to the model")
  func memories() async throws {
    let model = ScriptedModel(.reply(["ok"]))
    let world = TestWorld(models: [model])
    let ada = try await world.signUp("ada")
    try await library(world, ada)
    _ = try await world.useCases.memories.create(" I work with\nthe wind tunnel ", ada)
    let log = ChatLog()
    try await world.useCases.streamChat(StreamChat.Command(message: "When can I begin?"), ada, emit: log.emit)
    #expect(log.sources.first?.title == "Tunnels")
    let prompt = try required(model.requests.last?.messages.first).content
    #expect(prompt.contains("- I work with the wind tunnel"))
    let bob = try await world.signUp("bob", as: .user, by: ada)
    try await world.useCases.streamChat(StreamChat.Command(message: "When can I begin?"), bob, emit: ChatLog().emit)
    #expect(try required(model.requests.last?.messages.first).content.contains("wind tunnel") == false)
  }

  @Test("a memory has 1 to 500 characters, and there are 100 at most")
  func memoryLimits() async throws {
    let world = TestWorld()
    let ada = try await world.signUp("ada")
    for content in ["", " \n ", String(repeating: "a", count: 501), "a\u{0}b"] {
      await #expect(throws: UseCaseFailure.self) { try await world.useCases.memories.create(content, ada) }
    }
    for number in 0..<UserMemory.maximumCount {
      _ = try await world.useCases.memories.create(String(repeating: "a", count: 496) + "\(1_000 + number)", ada)
    }
    await #expect(throws: UseCaseFailure.exhausted("you have 100 memories: delete one that is no longer needed")) {
      try await world.useCases.memories.create("one more", ada)
    }
  }

  @Test("a reranker decides the order, whatever was found first")
  func reranked() async throws {
    let reranker = ScriptedReranker { passages in passages.map { $0.contains("March") ? 5 : -1 } }
    let world = TestWorld(reranker: reranker)
    let ada = try await world.signUp("ada")
    try await library(world, ada)
    let hits = try await world.useCases.search(SearchKnowledge.Query(text: "days of leave a year", limit: 2), ada)
    #expect(hits.first?.passage.title == "Carrying over")
    #expect(hits.map(\.score) == [5, -1])
    // It judges more than are asked for, by title and text.
    let request = try required(reranker.requests.last)
    #expect(request.question == "days of leave a year")
    #expect(request.passages.count == 3)
    #expect(request.passages.contains("Tunnels\nThe wind tunnel runs at night."))
    _ = try await world.useCases.search(SearchKnowledge.Query(text: "leave", mode: .lexical), ada)
    #expect(reranker.requests.count == 1)
  }

  @Test("a reranker that fails or does not judge all leaves the order as it was found")
  func rerankerFails() async throws {
    let plain = TestWorld()
    let query = SearchKnowledge.Query(text: "days of leave a year")
    let ada = try await plain.signUp("ada")
    try await library(plain, ada)
    let expected = titles(try await plain.useCases.search(query, ada))
    for reranker in [
      ScriptedReranker { _ throws(RerankingFailure) in throw .unavailable("it is away") },
      ScriptedReranker { _ in [1] },
    ] {
      let world = TestWorld(reranker: reranker)
      let admin = try await world.signUp("ada")
      try await library(world, admin)
      #expect(titles(try await world.useCases.search(query, admin)) == expected)
    }
    let cancelled = TestWorld(reranker: ScriptedReranker { _ throws(RerankingFailure) in throw .cancelled })
    let admin = try await cancelled.signUp("ada")
    try await library(cancelled, admin)
    await #expect(throws: UseCaseFailure.cancelled) { try await cancelled.useCases.search(query, admin) }
  }

  @Test("passages that were not embedded yet are found by their words among those that were")
  func unembedded() async throws {
    let world = TestWorld()
    let ada = try await world.signUp("ada")
    try await library(world, ada)
    world.hasEmbedder.isOn = false
    try await world.publish("Sabbaticals take a whole quarter.", title: "Sabbaticals", source: "s", by: ada)
    world.hasEmbedder.isOn = true
    let hits = try await world.useCases.search(SearchKnowledge.Query(text: "sabbaticals quarter"), ada)
    #expect(hits.first?.passage.title == "Sabbaticals")
  }

  @Test(
    "passages unlike each other come first where diversity is switched on, whatever the fusion",
    arguments: [RetrievalSteps.Fusion.reciprocalRank(constant: 60), RetrievalSteps().fusion])
  func diversity(_ fusion: RetrievalSteps.Fusion) async throws {
    func found(_ relevance: Double) async throws -> [String] {
      let world = TestWorld { settings in
        settings.search.steps.fusion = fusion
        settings.search.steps.diversity = relevance
      }
      let ada = try await world.signUp("ada")
      for (title, text) in [
        ("Leave", "Employees have thirty days of leave a year."),
        ("Leave, again", "Employees have thirty days of leave each year."),
        ("Tunnels", "The days of the wind tunnel."),
      ] {
        try await world.publish(text, title: title, source: title, by: ada)
      }
      let query = SearchKnowledge.Query(text: "thirty days of leave a year", limit: 2)
      return titles(try await world.useCases.search(query, ada))
    }
    #expect(try await Set(found(1)) == ["Leave", "Leave, again"])
    #expect(try await found(0.2).last == "Tunnels")
  }

  @Test("the model gets what stands next to a passage as well, where that is switched on")
  func neighbours() async throws {
    func source(reach: Int) async throws -> String {
      let world = TestWorld(models: [ScriptedModel(.reply(["ok"]))], hasEmbedder: false) { settings in
        settings.reply.neighbours = reach
        settings.reply.maximumSources = 1
        settings.chunker = TextChunker(maximumTokens: 16, overlapTokens: 6)
      }
      let ada = try await world.signUp("ada")
      let words = (0..<60).map { $0 == 30 ? "licence" : "word\($0)" }
      try await world.publish(words.joined(separator: " "), title: "Rules", by: ada)
      let log = ChatLog()
      try await world.useCases.streamChat(StreamChat.Command(message: "licence"), ada, emit: log.emit)
      return try required(log.sources.first).text
    }
    let (plain, wide) = (try await source(reach: 0), try await source(reach: 1))
    #expect(plain.contains("licence") && wide.contains(plain))
    #expect(wide.utf8.count > plain.utf8.count)
  }
}
