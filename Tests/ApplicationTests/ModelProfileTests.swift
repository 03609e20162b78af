import Application
import Domain
import Synchronization
import Testing

@Suite("Requests are held against what is known of a model")
struct ModelProfileTests {
  private static let tool = ModelTool(name: "look", description: "Looks.", parameters: #"{"type":"object"}"#)
  private static let picture = ModelImage(mediaType: "image/png", bytes: [1])

  private static func profile(
    _ window: Int? = nil, output: Int? = nil, _ capabilities: Set<ModelProfile.Capability>? = nil
  ) throws -> ModelProfile {
    try required(ModelProfile(contextWindow: window, maximumOutput: output, capabilities: capabilities))
  }

  /// A text of so many words, each a token at least.
  private static func words(_ count: Int) -> String {
    Array(repeating: "a", count: count).joined(separator: " ")
  }

  private static func request(
    _ text: String = "?", maximumTokens: Int? = nil, tools: [ModelTool] = [], images: [ModelImage] = [],
    format: GenerationOptions.ResponseFormat? = nil
  ) -> ModelRequest {
    var options = GenerationOptions()
    options.responseFormat = format
    return ModelRequest(
      messages: [ModelMessage(role: .user, content: text, images: images)], question: text, sources: [],
      maximumTokens: maximumTokens, tools: tools, options: options, isGrounded: false)
  }

  @Test("a prompt fits up to the window, with what is kept for the reply, and not by a token more")
  func window() throws {
    let profile = try Self.profile(100)
    func isTooLong(_ request: ModelRequest) -> Bool {
      if case .length = profile.unsupported(in: request, by: "m") { true } else { false }
    }
    #expect(!isTooLong(Self.request(Self.words(99))))
    #expect(isTooLong(Self.request(Self.words(100))))
    #expect(!isTooLong(Self.request(Self.words(60), maximumTokens: 40)))
    #expect(isTooLong(Self.request(Self.words(61), maximumTokens: 40)))
    #expect(isTooLong(Self.request("?", maximumTokens: 100)))
    // A text without blanks is few tokens, as far as anyone knows.
    #expect(!isTooLong(Self.request(String(repeating: "x", count: 99 * 256))))
    #expect(isTooLong(Self.request(String(repeating: "x", count: 99 * 256 + 1))))
    #expect(
      profile.unsupported(in: Self.request(Self.words(61), maximumTokens: 40), by: "m")?.reason
        == "the model m reads and writes at most 100 tokens together; the request has at least 61, and asks for up to "
        + "40 more")
  }

  @Test("all text of a dialogue counts, but for what chat templates may leave out")
  func counted() throws {
    let profile = try Self.profile(10)
    func fits(_ messages: [ModelMessage], prompt: ModelPrompt? = nil) -> Bool {
      profile.unsupported(
        in: ModelRequest(
          messages: messages, question: "", sources: [], maximumTokens: nil, isGrounded: false, prompt: prompt), by: "m"
      ) == nil
    }
    let result = ModelToolResult(callID: "c", name: "look", content: Self.words(6))
    #expect(!fits([ModelMessage(role: .user, content: Self.words(4), toolResults: [result])]))
    #expect(fits([ModelMessage(role: .user, content: Self.words(3), toolResults: [result])]))
    let thought = ModelMessage(role: .assistant, content: Self.words(20) + " </think> so")
    #expect(fits([thought, ModelMessage(role: .user, content: Self.words(9))]))
    #expect(!fits([], prompt: ModelPrompt(text: Self.words(5), suffix: Self.words(5))))
    #expect(fits([], prompt: ModelPrompt(text: Self.words(5), suffix: Self.words(4))))
  }

  @Test("more output than the model writes is refused with the limit, and as much is not")
  func output() throws {
    let profile = try Self.profile(output: 50)
    #expect(profile.unsupported(in: Self.request(maximumTokens: 50), by: "m") == nil)
    #expect(profile.unsupported(in: Self.request(), by: "m") == nil)
    #expect(
      profile.unsupported(in: Self.request(maximumTokens: 51), by: "m")
        == .feature("the model m writes at most 50 tokens: max_tokens must not be above that, but is 51"))
  }

  @Test("what a model is known not to take is refused by its name, and what is not known is not")
  func capabilities() throws {
    let picture = try required(Self.picture)
    let turn = ModelMessage(
      role: .assistant, content: "", toolCalls: [ModelToolCall(id: "c", name: "look", arguments: "{}")])
    let requests: [(ModelProfile.Capability, ModelRequest, String)] = [
      (.tools, Self.request(tools: [Self.tool]), "tools"),
      (
        .tools,
        ModelRequest(messages: [turn], question: "", sources: [], maximumTokens: nil, isGrounded: false), "tools"
      ),
      (.images, Self.request(images: [picture]), "pictures"),
      (.json, Self.request(format: .jsonObject), "response_format"),
    ]
    for (capability, request, name) in requests {
      #expect(
        try Self.profile(Set(ModelProfile.Capability.allCases).subtracting([capability]))
          .unsupported(in: request, by: "m") == .feature("the model m does not take \(name)"))
      #expect(try Self.profile([capability]).unsupported(in: request, by: "m") == nil)
      #expect(ModelProfile.unknown.unsupported(in: request, by: "m") == nil)
    }
    #expect(try Self.profile([]).unsupported(in: Self.request(format: .text), by: "m") == nil)
  }

  private static func profile(_ capabilities: Set<ModelProfile.Capability>) throws -> ModelProfile {
    try profile(nil, output: nil, capabilities)
  }

  @Test("a route passes over the targets that cannot take a request, and tells why when none can")
  func routes() async throws {
    let small = ProfiledModel("small", try Self.profile(50, output: 20, [.tools]))
    let large = ProfiledModel("large", try Self.profile(500, output: 400, [.json]))
    func target(_ model: ProfiledModel) -> ModelRouteTarget {
      ModelRouteTarget(model: model, slots: CallSlots(name: model.name, limit: 1, queue: 0))
    }
    let route = ModelRoute(name: "chat", targets: [target(small), target(large)])
    let world = TestWorld(models: [route])
    let ada = try await world.signUp("ada")
    func ask(_ request: ModelRequest) async throws {
      try await world.useCases.complete(
        CompleteDialogue.Command(
          model: "chat", messages: request.messages, tools: request.tools, options: request.options,
          maximumTokens: request.maximumTokens), ada
      ) { _ in }
    }
    try await ask(Self.request("short"))
    #expect((small.asked, large.asked) == (1, 0))
    try await ask(Self.request(Self.words(50)))
    try await ask(Self.request(maximumTokens: 21))
    try await ask(Self.request(format: .jsonObject))
    #expect((small.asked, large.asked) == (1, 3))
    try await ask(Self.request(tools: [Self.tool]))
    #expect((small.asked, large.asked) == (2, 3))
    // The first target's reason is told.
    await #expect(throws: UseCaseFailure.self) { try await ask(Self.request(maximumTokens: 401)) }
    await #expect(throws: UseCaseFailure.invalid("the model small does not take pictures")) {
      try await ask(Self.request(images: [try required(Self.picture)]))
    }
    do {
      try await ask(Self.request(Self.words(500)))
      Issue.record("a prompt that is too long was taken")
    } catch UseCaseFailure.tooLong(let words) {
      #expect(words.contains("50 tokens"))
    }
    #expect((small.asked, large.asked) == (2, 3))
    #expect(
      world.useCases.listModels().models.map(\.profile) == [
        try Self.profile(500, output: 400, [.tools, .json])
      ])
  }

  // Passages

  /// A world with passages about rivers, for a model of a window.
  private static func rivers(
    _ model: any LanguageModel, rounds: Int = 0
  ) async throws -> (TestWorld, Principal) {
    let world = TestWorld(models: [model]) { $0.reply.tools.maximumRounds = rounds }
    let ada = try await world.signUp("ada")
    for place in ["Ulm", "Bonn", "Rome", "Oslo", "Cork"] {
      try await world.publish(
        "The river at \(place) bends. " + String(repeating: "A river bends on and on. ", count: 15), title: place,
        by: ada)
    }
    return (world, ada)
  }

  private static func size(_ request: ModelRequest) -> Int {
    request.messages.reduce(0) { $0 + ApproximateTokenCounter().estimate($1.content) }
  }

  @Test(
    "a chat's passages are as many as its model's window has room for, down to none",
    arguments: [nil, 900, 400] as [Int?])
  func passages(window: Int?) async throws {
    let model = ProfiledModel("m", try Self.profile(window))
    let (world, ada) = try await Self.rivers(model)
    let log = ChatLog()
    try await world.useCases.streamChat(
      StreamChat.Command(message: "Where does a river bend?"), ada, emit: log.emit)
    #expect(log.completed?.reason == .stop)
    let request = try required(model.requests.first)
    #expect(request.sources == log.sources)
    guard let window else {
      #expect(log.sources.count == 5)
      return
    }
    if window == 900 { #expect((1..<5).contains(log.sources.count)) }
    if window == 400 { #expect(log.sources.isEmpty) }
    if window > 400 { #expect(Self.size(request) <= window - window / 10 - window / 4) }
  }

  @Test("a grounded completion makes room for the reply that is asked for, its tools and what follows the question")
  func grounded() async throws {
    let model = ProfiledModel("m", try Self.profile(1_400))
    let (world, ada) = try await Self.rivers(model)
    func sources(_ maximumTokens: Int, tools: [ModelTool] = [], behind: [ModelMessage] = []) async throws -> Int {
      let question = ModelMessage(role: .user, content: "Where does a river bend?")
      try await world.useCases.complete(
        CompleteDialogue.Command(
          model: "rag:m", messages: [question] + behind, tools: tools, maximumTokens: maximumTokens), ada
      ) { _ in }
      let request = try required(model.requests.last)
      #expect(Self.size(request) + maximumTokens <= 1_400 - 140)
      return request.sources.count
    }
    let most = try await sources(10)
    #expect(most >= 2)
    #expect(try await sources(500) < most)
    let tool = ModelTool(name: "look", description: Self.words(500), parameters: "{}")
    #expect(try await sources(10, tools: [tool]) < most)
    #expect(try await sources(10, behind: [ModelMessage(role: .assistant, content: Self.words(500))]) < most)
  }

  @Test("history gives way before the passages do, and the oldest of it first")
  func history() async throws {
    let model = ProfiledModel("m", try Self.profile(1_200))
    let (world, ada) = try await Self.rivers(model)
    let messages = (1...20).flatMap { number in
      [
        ModelMessage(role: .user, content: "Question \(number) " + Self.words(40)),
        ModelMessage(role: .assistant, content: "Answer \(number) " + Self.words(40)),
      ]
    }
    try await world.useCases.complete(
      CompleteDialogue.Command(
        model: "rag:m", messages: messages + [ModelMessage(role: .user, content: "Where does a river bend?")],
        maximumTokens: 100), ada
    ) { _ in }
    let request = try required(model.requests.first)
    #expect(!request.sources.isEmpty)
    #expect(Self.size(request) + 100 <= 1_200 - 120)
    #expect(request.messages.contains { $0.content.contains("Question 20 ") })
    #expect(!request.messages.contains { $0.content.contains("Question 1 ") })
  }

  @Test("what tools return has the room that is left, and where there is none they are not run")
  func tools() async throws {
    let model = ProfiledModel(
      "m", try Self.profile(2_000),
      calls: (1...8).map {
        ModelToolCall(id: "\($0)", name: "search_knowledge", arguments: #"{"query":"river bends"}"#)
      }
    )
    let world = TestWorld(models: [model]) { settings in
      settings.reply.tools.maximumRounds = 1
      settings.reply.tools.maximumCalls = 8
      settings.reply.maximumSources = 1
    }
    let ada = try await world.signUp("ada")
    for place in ["Ulm", "Bonn", "Rome", "Oslo", "Cork"] {
      try await world.publish(
        "The river at \(place) bends. " + String(repeating: "A river bends on and on. ", count: 15), title: place,
        by: ada)
    }
    let log = ChatLog()
    try await world.useCases.streamChat(
      StreamChat.Command(message: "Where does a river bend?"), ada, emit: log.emit)
    #expect(log.completed != nil)
    #expect(log.toolResults.first?.isError == false)
    #expect(log.toolResults.last?.summary == "there is no room for its answer in the model's window")
    let last = try required(model.requests.last)
    let results = last.messages.flatMap(\.toolResults)
    #expect(results.count == 8)
    // What is told of a call that is not run is short, and takes of what is kept for the error of the estimate.
    let returned = results.filter { !$0.content.contains("no room") }
    let spent = returned.reduce(Self.size(last)) { $0 + ApproximateTokenCounter().estimate($1.content) }
    #expect(spent <= 2_000 - 200 - 500)
  }
}

/// A model of a profile, which replies in a word, and first asks for tools where it has calls to make.
final class ProfiledModel: LanguageModel {
  let name: String
  private let profile: ModelProfile
  private let calls: [ModelToolCall]
  private let state = Mutex<[ModelRequest]>([])
  var requests: [ModelRequest] { state.withLock { $0 } }
  var asked: Int { requests.count }
  var profiles: [ModelProfile] { [profile] }

  init(_ name: String, _ profile: ModelProfile, calls: [ModelToolCall] = []) {
    self.name = name
    self.profile = profile
    self.calls = calls
  }

  func unsupported(in request: ModelRequest) -> UnsupportedRequest? { profile.unsupported(in: request, by: name) }

  func reply(
    to request: ModelRequest, reader: ReplyReader
  ) async throws(ModelFailure) -> ReplyEnd {
    let isFirst = state.withLock { requests in
      requests.append(request)
      return requests.count == 1
    }
    try await reader.write("yes")
    return ReplyEnd(
      finishReason: .stop, usage: nil, toolCalls: isFirst && !request.tools.isEmpty ? calls : [])
  }
}
