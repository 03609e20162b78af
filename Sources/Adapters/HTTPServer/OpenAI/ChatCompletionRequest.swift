import Application
import Domain
import FoundationEssentials
import JSONValues

/// The body of `POST /v1/chat/completions`.
///
/// Source: OpenAI API reference, "Create chat completion". What it names and nobody here can do is refused; what it does
/// not name is left alone.
struct ChatCompletionRequest: Decodable {
  struct StreamOptions: Decodable {
    let include_usage: Bool?
  }

  struct Tool: Decodable {
    struct Function: Decodable {
      let name: String
      let description: String?
      let parameters: [String: JSONValue]?
    }

    let type: String
    let function: Function?
  }

  /// `auto`, `none`, `required`, or an object that names a function.
  struct ToolChoice: Decodable {
    let name: String?
    let function: String?

    private struct Named: Decodable {
      struct Function: Decodable {
        let name: String
      }

      let function: Function
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      // What is no word must be the object; the object's own error says what is wrong with it.
      name = try? container.decode(String.self)
      function = name == nil ? try container.decode(Named.self).function.name : nil
    }
  }

  struct ResponseFormat: Decodable {
    struct Schema: Decodable {
      let name: String
      let description: String?
      let schema: [String: JSONValue]?
      let strict: Bool?
    }

    let type: String
    let json_schema: Schema?
  }

  let model: String
  let messages: [ChatCompletionMessage]
  let stream: Bool?
  let stream_options: StreamOptions?
  let temperature: Double?
  let top_p: Double?
  let n: WholeNumber?
  let stop: OneOrMany<String>?
  let max_tokens: WholeNumber?
  let max_completion_tokens: WholeNumber?
  let presence_penalty: Double?
  let frequency_penalty: Double?
  let seed: WholeNumber?
  let logprobs: Bool?
  let logit_bias: [String: Double]?
  let response_format: ResponseFormat?
  let tools: [Tool]?
  let tool_choice: ToolChoice?
  let parallel_tool_calls: Bool?
  let functions: [JSONValue]?
  let modalities: [String]?
  let reasoning_effort: String?

  /// The most tools of a request.
  static let maximumTools = 128

  /// What is asked of the model.
  ///
  /// - Throws: an ``OpenAIError`` for what breaks a rule, or is not served.
  func command() throws -> CompleteDialogue.Command {
    try Sampling.refuse(n.map { $0.value != 1 } ?? false, "n", "must be 1: one reply is given for a request")
    try Sampling.refuse(logprobs == true, "logprobs", "are not served")
    try Sampling.refuse(!(logit_bias ?? [:]).isEmpty, "logit_bias", "is not served")
    try Sampling.refuse(functions != nil, "functions", "are served as tools alone")
    try Sampling.refuse(modalities.map { $0 != ["text"] } ?? false, "modalities", "must be text alone")
    try Sampling.refuse(messages.isEmpty, "messages", "must not be empty")
    try Sampling.refuse(
      messages.count > CompleteDialogue.maximumMessages, "messages",
      "must be at most \(CompleteDialogue.maximumMessages)")
    let tools = try modelTools()
    var options = try Sampling.options(
      temperature: temperature, topP: top_p, frequencyPenalty: frequency_penalty, presencePenalty: presence_penalty,
      seed: seed?.value, stop: stop)
    options.responseFormat = try format()
    options.toolChoice = try choice(among: tools)
    options.allowsParallelToolCalls = tools.isEmpty ? nil : parallel_tool_calls
    options.limitCountsReasoning = max_completion_tokens != nil
    options.reasoningEffort = try effort()
    return CompleteDialogue.Command(
      model: model, messages: try ChatCompletionMessage.dialogue(of: messages), tools: tools, options: options,
      maximumTokens: try Sampling.limit(max_completion_tokens, "max_completion_tokens")
        ?? Sampling.limit(max_tokens, "max_tokens"),
      isWhole: stream != true)
  }

  private func effort() throws -> GenerationOptions.ReasoningEffort? {
    guard let reasoning_effort else { return nil }
    let efforts = GenerationOptions.ReasoningEffort.allCases.map(\.rawValue).joined(separator: ", ")
    guard let effort = GenerationOptions.ReasoningEffort(rawValue: reasoning_effort) else {
      throw OpenAIError.invalid("reasoning_effort", "reasoning_effort must be one of \(efforts)")
    }
    return effort
  }

  private func modelTools() throws -> [ModelTool] {
    let tools = tools ?? []
    try Sampling.refuse(tools.count > Self.maximumTools, "tools", "must be at most \(Self.maximumTools)")
    return try tools.enumerated().map { index, tool in
      guard tool.type == "function", let function = tool.function else {
        throw OpenAIError.invalid("tools[\(index)].type", "tools[\(index)] must be a function")
      }
      try Self.checkName(function.name, "tools[\(index)].function.name")
      let parameters = JSONValue.object(
        function.parameters ?? ["type": .string("object"), "properties": .object([:])])
      return ModelTool(
        name: function.name, description: function.description ?? "", parameters: try parameters.text)
    }
  }

  private func choice(among tools: [ModelTool]) throws -> GenerationOptions.ToolChoice? {
    guard let tool_choice else { return nil }
    if tools.isEmpty, tool_choice.name == "none" { return nil }
    try Sampling.refuse(tools.isEmpty, "tool_choice", "is allowed only where there are tools")
    switch (tool_choice.name, tool_choice.function) {
    case ("auto", _): return .automatic
    case ("none", _): return .never
    case ("required", _): return .required
    case (nil, let name?):
      try Sampling.refuse(!tools.contains { $0.name == name }, "tool_choice", "must name one of the tools")
      return .tool(name)
    default: throw OpenAIError.invalid("tool_choice", "tool_choice must be auto, none, required or a function")
    }
  }

  private func format() throws -> GenerationOptions.ResponseFormat? {
    switch response_format?.type {
    case nil: return nil
    case "text": return .text
    case "json_object": return .jsonObject
    case "json_schema":
      guard let format = response_format?.json_schema else {
        throw OpenAIError.invalid("response_format.json_schema", "response_format.json_schema is missing")
      }
      try Self.checkName(format.name, "response_format.json_schema.name")
      return .jsonSchema(
        JSONSchemaFormat(
          name: format.name, description: format.description,
          schema: try JSONValue.object(format.schema ?? [:]).text, isStrict: format.strict))
    default:
      throw OpenAIError.invalid(
        "response_format.type", "response_format.type must be text, json_object or json_schema")
    }
  }

  /// What every provider takes for a name.
  private static func checkName(_ name: String, _ parameter: String) throws {
    let isName =
      (1...64).contains(name.utf8.count)
      && name.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "_-".utf8.contains($0)
      }
    try Sampling.refuse(!isName, parameter, "must be 1 to 64 ASCII letters, digits, _ and -")
  }
}

/// What chat completions and completions have in common.
enum Sampling {
  /// The most texts before which a reply ends.
  static let maximumStops = 4

  /// Refuses a field.
  static func refuse(_ isRefused: Bool, _ parameter: String, _ rule: String) throws(OpenAIError) {
    if isRefused { throw .invalid(parameter, "\(parameter) \(rule)") }
  }

  /// A limit of tokens.
  static func limit(_ number: WholeNumber?, _ parameter: String) throws(OpenAIError) -> Int? {
    guard let value = number?.value else { return nil }
    try refuse(!(1...Int(Int32.max)).contains(value), parameter, "must be a whole number above 0")
    return value
  }

  /// How the model is to generate.
  static func options(
    temperature: Double?, topP: Double?, frequencyPenalty: Double?, presencePenalty: Double?, seed: Int?,
    stop: OneOrMany<String>?
  ) throws(OpenAIError) -> GenerationOptions {
    try check(temperature, 0...2, "temperature")
    try check(topP, 0...1, "top_p")
    try check(frequencyPenalty, -2...2, "frequency_penalty")
    try check(presencePenalty, -2...2, "presence_penalty")
    let stops = stop?.values ?? []
    try refuse(
      stops.count > maximumStops || stops.contains(""), "stop", "must be at most \(maximumStops) texts, none empty")
    var options = GenerationOptions()
    options.temperature = temperature
    options.topP = topP
    options.frequencyPenalty = frequencyPenalty
    options.presencePenalty = presencePenalty
    options.seed = seed
    options.stop = stops
    return options
  }

  private static func check(
    _ value: Double?, _ range: ClosedRange<Double>, _ parameter: String
  ) throws(OpenAIError) {
    guard let value else { return }
    try refuse(
      !range.contains(value), parameter, "must be from \(Int(range.lowerBound)) to \(Int(range.upperBound))")
  }
}
