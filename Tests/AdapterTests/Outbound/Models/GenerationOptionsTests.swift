import Application
import Domain
import FoundationEssentials
import JSONValues
import NIOCore
import Testing

@testable import LanguageModels

@Suite("How a model is to generate, in each provider's words")
struct GenerationOptionsTests {
  private static let tool = ModelTool(name: "look", description: "Looks.", parameters: #"{"type":"object"}"#)

  private static func request(
    tools: [ModelTool] = [tool], prompt: ModelPrompt? = nil, _ change: (inout GenerationOptions) -> Void = { _ in }
  ) -> ModelRequest {
    var options = GenerationOptions()
    change(&options)
    return ModelRequest(
      messages: prompt == nil ? [ModelMessage(role: .user, content: "?")] : [], question: "?", sources: [],
      maximumTokens: 9, tools: tools, options: options, isGrounded: false, prompt: prompt)
  }

  private static func body(_ wire: any ProviderWire, _ request: ModelRequest) throws -> [String: JSONValue] {
    let data = Data(try wire.body(request, model: "m", temperature: 0.1).readableBytesView)
    guard case .object(let body) = try JSONDecoder().decode(JSONValue.self, from: data) else { return [:] }
    return body
  }

  private static let full: @Sendable (inout GenerationOptions) -> Void = { options in
    options.temperature = 1.5
    options.topP = 0.5
    options.stop = ["END"]
    options.toolChoice = .tool("look")
  }

  @Test("OpenAI takes all of it")
  func openAI() throws {
    let body = try Self.body(
      OpenAIWire(),
      Self.request {
        Self.full(&$0)
        $0.frequencyPenalty = -0.5
        $0.presencePenalty = 0.25
        $0.seed = 7
        $0.allowsParallelToolCalls = false
        $0.responseFormat = .jsonSchema(JSONSchemaFormat(name: "s", schema: #"{"type":"object"}"#, isStrict: true))
      })
    #expect(body["temperature"] == .number(1.5))
    #expect(body["top_p"] == .number(0.5))
    #expect(body["frequency_penalty"] == .number(-0.5))
    #expect(body["presence_penalty"] == .number(0.25))
    #expect(body["seed"] == .integer(7))
    #expect(body["stop"] == .array([.string("END")]))
    #expect(body["parallel_tool_calls"] == .bool(false))
    #expect(
      body["tool_choice"] == .object(["type": .string("function"), "function": .object(["name": .string("look")])]))
    #expect(
      body["response_format"]
        == .object([
          "type": .string("json_schema"),
          "json_schema": .object([
            "name": .string("s"), "schema": .object(["type": .string("object")]), "strict": .bool(true),
          ]),
        ]))
    #expect(body["max_tokens"] == .integer(9))
    let reasoning = try Self.body(OpenAIWire(), Self.request { $0.limitCountsReasoning = true })
    #expect(reasoning["max_completion_tokens"] == .integer(9))
    #expect(reasoning["max_tokens"] == nil)
    #expect(reasoning["reasoning_effort"] == nil)
    let thinking = Self.request { $0.reasoningEffort = .minimal }
    #expect(try Self.body(OpenAIWire(), thinking)["reasoning_effort"] == .string("minimal"))
    for wire in [AnthropicWire(), GeminiWire()] as [any ProviderWire] {
      #expect(wire.unsupported(in: thinking) == "reasoning_effort")
    }
    #expect(reasoning["temperature"] == .number(0.1))
  }

  @Test("a text is continued below a path of its own")
  func prompt() throws {
    let request = Self.request(tools: [], prompt: ModelPrompt(text: "Once", suffix: "end"))
    let body = try Self.body(OpenAIWire(), request)
    #expect(OpenAIWire().path(request, model: "m") == "/completions")
    #expect(OpenAIWire().path(Self.request(), model: "m") == "/chat/completions")
    #expect(body["prompt"] == .string("Once") && body["suffix"] == .string("end") && body["messages"] == nil)
    for wire in [AnthropicWire(), GeminiWire()] as [any ProviderWire] {
      #expect(wire.unsupported(in: request) != nil)
    }
    #expect(OpenAIWire().unsupported(in: request) == nil)
  }

  @Test("Anthropic takes what it has, within its limits, and refuses the rest by name")
  func anthropic() throws {
    let wire = AnthropicWire()
    let body = try Self.body(
      wire,
      Self.request {
        Self.full(&$0)
        $0.allowsParallelToolCalls = false
      })
    #expect(body["temperature"] == .number(1) || body["temperature"] == .integer(1))
    #expect(body["top_p"] == .number(0.5))
    #expect(body["stop_sequences"] == .array([.string("END")]))
    #expect(
      body["tool_choice"]
        == .object(["type": .string("tool"), "name": .string("look"), "disable_parallel_tool_use": .bool(true)]))
    let choices: [(GenerationOptions.ToolChoice, String)] = [
      (.automatic, "auto"), (.never, "none"), (.required, "any"),
    ]
    for (choice, name) in choices {
      let body = try Self.body(wire, Self.request { $0.toolChoice = choice })
      #expect(body["tool_choice"] == .object(["type": .string(name)]))
    }
    #expect(try Self.body(wire, Self.request())["tool_choice"] == nil)
    #expect(wire.unsupported(in: Self.request(Self.full)) == nil)
    #expect(wire.unsupported(in: Self.request { $0.frequencyPenalty = 0 }) == nil)
    #expect(wire.unsupported(in: Self.request { $0.seed = 1 }) == "seed")
    #expect(wire.unsupported(in: Self.request { $0.frequencyPenalty = 1 }) == "frequency_penalty")
    #expect(wire.unsupported(in: Self.request { $0.presencePenalty = 1 }) == "presence_penalty")
    #expect(wire.unsupported(in: Self.request { $0.responseFormat = .jsonObject })?.contains("response_format") == true)
    #expect(wire.unsupported(in: Self.request { $0.responseFormat = .text }) == nil)
  }

  @Test("Gemini takes what it has and refuses one tool at a time")
  func gemini() throws {
    let wire = GeminiWire()
    let body = try Self.body(
      wire,
      Self.request {
        Self.full(&$0)
        $0.seed = 7
        $0.frequencyPenalty = 0.5
        $0.presencePenalty = 0.25
        $0.responseFormat = .jsonSchema(JSONSchemaFormat(name: "s", schema: #"{"type":"object"}"#))
      })
    #expect(
      body["generationConfig"]
        == .object([
          "temperature": .number(1.5), "topP": .number(0.5), "seed": .integer(7), "maxOutputTokens": .integer(9),
          "frequencyPenalty": .number(0.5), "presencePenalty": .number(0.25), "stopSequences": .array([.string("END")]),
          "responseMimeType": .string("application/json"),
          "responseJsonSchema": .object(["type": .string("object")]),
        ]))
    #expect(
      body["toolConfig"]
        == .object([
          "functionCallingConfig": .object([
            "mode": .string("ANY"), "allowedFunctionNames": .array([.string("look")]),
          ])
        ]))
    #expect(wire.unsupported(in: Self.request { $0.allowsParallelToolCalls = false }) == "parallel_tool_calls")
    #expect(wire.unsupported(in: Self.request { $0.allowsParallelToolCalls = true }) == nil)
  }

  @Test("a model refuses what its provider cannot take, and is not asked")
  func refusal() async throws {
    let configuration = try HTTPLanguageModel.Configuration(
      name: "far", dialect: .anthropic, baseURL: "http://127.0.0.1:9/v1", model: "m")
    let request = Self.request { $0.seed = 1 }
    try await Provider.withModel(configuration) { model in
      #expect(model.unsupported(in: request) == .feature("the model far does not take seed"))
      let outcome = await Provider.ask(model, request)
      #expect(outcome.failure == .rejected("the model far does not take seed"))
    }
  }

  @Test("a model refuses what is above what is known of it, and is not asked")
  func profile() async throws {
    let profile = try #require(ModelProfile(contextWindow: 64, maximumOutput: 8, capabilities: [.tools]))
    let configuration = try HTTPLanguageModel.Configuration(
      name: "far", dialect: .openAI, baseURL: "http://127.0.0.1:9/v1", model: "m", profile: profile)
    try await Provider.withModel(configuration) { model in
      #expect(model.profiles == [profile])
      let outcome = await Provider.ask(model, Self.request())
      #expect(
        outcome.failure
          == .rejected("the model far writes at most 8 tokens: max_tokens must not be above that, but is 9"))
      let long = ModelRequest(
        messages: [ModelMessage(role: .user, content: String(repeating: "a ", count: 64))], question: "", sources: [],
        maximumTokens: nil, isGrounded: false)
      guard case .tooLong = await Provider.ask(model, long).failure else {
        Issue.record("a prompt that is too long was sent")
        return
      }
    }
  }

  @Test("Anthropic's limit, which it wants in any case, is no higher than what the model writes")
  func anthropicLimit() throws {
    let open = ModelRequest(
      messages: [ModelMessage(role: .user, content: "?")], question: "?", sources: [], maximumTokens: nil)
    for (output, limit) in [(nil, 4_096), (4_095, 4_095), (64_000, 4_096)] as [(Int?, Int)] {
      #expect(try Self.body(AnthropicWire(maximumOutput: output), open)["max_tokens"] == .integer(limit))
    }
  }

  @Test("the built-in model reads passages and nothing else")
  func extractive() {
    let model = ExtractiveLanguageModel(embedder: CurrentEmbedder { nil }, counter: ApproximateTokenCounter())
    func request(
      tools: [ModelTool] = [], isGrounded: Bool = true, _ change: (inout GenerationOptions) -> Void = { _ in }
    ) -> ModelRequest {
      var options = GenerationOptions()
      change(&options)
      return ModelRequest(
        messages: [], question: "?", sources: [], maximumTokens: nil, tools: tools, options: options,
        isGrounded: isGrounded)
    }
    #expect(model.unsupported(in: request()) == nil)
    #expect(
      model.unsupported(
        in: request {
          $0.seed = 1
          $0.temperature = 0
        }) == nil)
    #expect(model.unsupported(in: request(isGrounded: false))?.reason.contains("rag:extractive") == true)
    #expect(model.unsupported(in: request(tools: [Self.tool])) != nil)
    #expect(model.unsupported(in: request { $0.stop = ["x"] }) != nil)
    #expect(model.unsupported(in: request { $0.responseFormat = .jsonObject }) != nil)
  }
}
