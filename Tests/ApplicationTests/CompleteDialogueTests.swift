import Application
import Domain
import Synchronization
import Testing

@Suite("Completions of dialogues that are not stored")
struct CompleteDialogueTests {
  private typealias Command = CompleteDialogue.Command

  /// What a completion has emitted.
  private final class Log: Sendable {
    private let events = Mutex<[CompletionEvent]>([])
    var all: [CompletionEvent] { events.withLock { $0 } }
    var text: String {
      all.reduce(into: "") { text, event in if case .delta(let part) = event { text += part } }
    }
    var end: CompletionEnd? {
      for case .completed(let end) in all { return end }
      return nil
    }
    @Sendable func emit(_ event: CompletionEvent) async throws(UseCaseFailure) { events.withLock { $0.append(event) } }
  }

  private static func ask(_ text: String) -> [ModelMessage] { [ModelMessage(role: .user, content: text)] }

  @Test("a dialogue reaches the model as it is, and nothing of it is stored")
  func plain() async throws {
    let model = ScriptedModel(.reply(["Hello ", "[1]."]))
    let world = TestWorld(models: [model])
    let ada = try await world.signUp("ada")
    try await world.publish("A river bends.", by: ada)
    var options = GenerationOptions()
    options.seed = 7
    let messages = [ModelMessage(role: .system, content: "Be brief.")] + Self.ask("Hello?")
    let log = Log()
    try await world.useCases.complete(
      Command(model: "scripted", messages: messages, options: options, maximumTokens: 5), ada, emit: log.emit)
    let request = try #require(model.requests.first)
    #expect(request.messages == messages)
    #expect(request.options == options)
    #expect(request.maximumTokens == 5)
    #expect(request.sources.isEmpty && !request.isGrounded)
    #expect(log.text == "Hello [1].")
    // Without passages there is nothing that a mark could cite.
    #expect(
      log.end
        == CompletionEnd(finishReason: .stop, usage: TokenUsage(promptTokens: 11, completionTokens: 5)))
    #expect(try await world.useCases.conversations.list(page: PageRequest(), ada).items.isEmpty)
  }

  @Test("a grounded reply rests on passages that the caller may find, and its citations are checked")
  func grounded() async throws {
    let model = ScriptedModel(.reply(["It bends [1], ", "they say [7]."]))
    let world = TestWorld(models: [model])
    let ada = try await world.signUp("ada")
    try await world.publish("A river bends because its bank is worn away.", title: "Rivers", by: ada)
    let messages =
      [ModelMessage(role: .system, content: "Like a pirate.")] + Self.ask("What is a river?")
      + [ModelMessage(role: .assistant, content: "Water [3].")] + Self.ask("Why does a river bend?")
    let log = Log()
    try await world.useCases.complete(Command(model: "rag:scripted", messages: messages), ada, emit: log.emit)
    let request = try #require(model.requests.first)
    #expect(request.isGrounded)
    #expect(request.sources.map(\.title) == ["Rivers"])
    #expect(request.messages.map(\.role) == [.system, .user, .assistant, .user])
    #expect(request.messages[0].content.contains("Like a pirate."))
    #expect(request.messages[2].content == "Water.")
    #expect(request.messages[3].content.contains("worn away"))
    #expect(log.all.first == .sources(request.sources))
    #expect(log.end?.citations.map(\.source) == request.sources)
  }

  @Test("what follows the question stays behind it, as the answers of tools do")
  func tools() async throws {
    let model = ScriptedModel(.reply(["Sunny."]))
    let world = TestWorld(models: [model])
    let ada = try await world.signUp("ada")
    let picture = try #require(ModelImage(mediaType: "image/png", bytes: [1]))
    let turns = [
      ModelMessage(
        role: .assistant, content: "", toolCalls: [ModelToolCall(id: "c", name: "weather", arguments: "{}")]),
      ModelMessage(
        role: .user, content: "", toolResults: [ModelToolResult(callID: "c", name: "weather", content: "sunny")]),
    ]
    let question = ModelMessage(role: .user, content: "How is it?", images: [picture])
    let tool = ModelTool(name: "weather", description: "", parameters: "{}")
    try await world.useCases.complete(
      Command(model: "rag:scripted", messages: [question] + turns, tools: [tool]), ada, emit: Log().emit)
    let request = try #require(model.requests.first)
    #expect(Array(request.messages.suffix(2)) == turns)
    #expect(request.messages[1].images == [picture])
    #expect(request.tools == [tool])
    #expect(request.question == "How is it?")
  }

  @Test("what there is not, or makes no sense, is refused before a model is asked")
  func refusals() async throws {
    let model = ScriptedModel(.reply(["x"]))
    let world = TestWorld(models: [model])
    let ada = try await world.signUp("ada")
    func fails(_ command: Command) async -> UseCaseFailure? {
      do throws(UseCaseFailure) { try await world.useCases.complete(command, ada, emit: Log().emit) } catch {
        return error
      }
      return nil
    }
    for name in ["none", "", "rag:", "rag:none", "rag:rag:scripted"] {
      #expect(
        await fails(Command(model: name, messages: Self.ask("x")))
          == .notFound("the model \(name) does not exist"))
    }
    let system = [ModelMessage(role: .system, content: "x")]
    let prompt = ModelPrompt(text: "Once")
    let many = Array(repeating: ModelMessage(role: .user, content: "x"), count: CompleteDialogue.maximumMessages + 1)
    for command in [
      Command(model: "scripted", messages: []), Command(model: "rag:scripted", messages: system),
      Command(model: "rag:scripted", messages: [], prompt: prompt), Command(model: "scripted", messages: many),
    ] {
      guard case .invalid = await fails(command) else {
        Issue.record("\(command.model) took \(command.messages.count) messages")
        continue
      }
    }
    #expect(model.requests.isEmpty)
    #expect(await fails(Command(model: "scripted", messages: Array(many.dropFirst()))) == nil)
  }

  @Test("a reply beyond the limit ends there, for its length")
  func limit() async throws {
    let world = TestWorld(models: [ScriptedModel(.reply(["123", "456", "789"]))]) { $0.reply.maximumReplyBytes = 6 }
    let ada = try await world.signUp("ada")
    let log = Log()
    try await world.useCases.complete(Command(model: "scripted", messages: Self.ask("x")), ada, emit: log.emit)
    #expect(log.text == "123456")
    #expect(log.end?.finishReason == .length)
  }

  @Test("a model's failure is told as what it is, behind what it has said")
  func failures() async throws {
    let failures: [(ModelFailure, UseCaseFailure)] = [
      (.overloaded("busy", retryAfter: .seconds(7)), .overloaded("busy", retryAfter: .seconds(7))),
      (.unavailable("down"), .unavailable("down")), (.exhausted("full"), .exhausted("full")),
      (.rejected("no"), .invalid("no")), (.tooLong("no"), .tooLong("no")), (.broken("half"), .unavailable("half")),
    ]
    for (failure, expected) in failures {
      let world = TestWorld(models: [ScriptedModel(.fail(["Half "], failure))])
      let ada = try await world.signUp("ada")
      let log = Log()
      await #expect(throws: expected) {
        try await world.useCases.complete(Command(model: "scripted", messages: Self.ask("x")), ada, emit: log.emit)
      }
      #expect(log.text == "Half ")
    }
  }

  @Test("a caller who leaves cancels the model")
  func cancellation() async throws {
    let model = ScriptedModel(.hang(["Half "]))
    let world = TestWorld(models: [model])
    let ada = try await world.signUp("ada")
    let log = Log()
    let task = Task {
      try await world.useCases.complete(Command(model: "scripted", messages: Self.ask("x")), ada, emit: log.emit)
    }
    try await eventually { log.text == "Half " }
    task.cancel()
    await #expect(throws: UseCaseFailure.cancelled) { try await task.value }
    #expect(model.wasCancelled)
  }

  @Test("the catalog says which models take dialogues, and what embeds")
  func catalog() async throws {
    let reader = PassageReader()
    let world = TestWorld(models: [ScriptedModel(.reply([])), reader])
    let catalog = world.useCases.listModels()
    #expect(
      catalog.models == [
        ModelCatalog.Model(name: "reader", takesDialogues: false),
        ModelCatalog.Model(name: "scripted", takesDialogues: true),
      ])
    #expect(catalog.embedding == world.embedder.model)
    world.hasEmbedder.isOn = false
    #expect(world.useCases.listModels().embedding == nil)
  }

  @Test("a route asks the targets alone that take the request, and refuses what none takes")
  func routes() async throws {
    let (reader, writer) = (PassageReader(), ScriptedModel(.reply(["hi"])))
    func target(_ model: any LanguageModel) -> ModelRouteTarget {
      ModelRouteTarget(model: model, slots: CallSlots(name: model.name, limit: 1, queue: 0))
    }
    let route = ModelRoute(name: "chat", targets: [target(reader), target(writer)])
    let narrow = ModelRoute(name: "narrow", targets: [target(reader)])
    let world = TestWorld(models: [route, narrow])
    let ada = try await world.signUp("ada")
    let log = Log()
    try await world.useCases.complete(Command(model: "chat", messages: Self.ask("x")), ada, emit: log.emit)
    #expect(log.text == "hi")
    await #expect(throws: UseCaseFailure.invalid("passages alone")) {
      try await world.useCases.complete(Command(model: "narrow", messages: Self.ask("x")), ada, emit: log.emit)
    }
    try await world.useCases.complete(Command(model: "rag:narrow", messages: Self.ask("x")), ada, emit: log.emit)
  }

  /// Answers from passages alone.
  private struct PassageReader: LanguageModel {
    let name = "reader"
    func unsupported(in request: ModelRequest) -> UnsupportedRequest? {
      request.isGrounded ? nil : .feature("passages alone")
    }
    func reply(
      to request: ModelRequest, reader: ReplyReader
    ) async throws(ModelFailure) -> ReplyEnd { ReplyEnd(finishReason: .stop, usage: nil) }
  }
}
