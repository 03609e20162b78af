import Application
import Domain
import FoundationEssentials
import JSONValues
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Anthropic's Messages.
///
/// Source: Anthropic API reference, "Messages", "Streaming messages", "Errors", version `2023-06-01`.
struct AnthropicWire: ProviderWire {
  /// The API wants a limit; this one holds where the request has none.
  static let standardMaximumTokens = 4_096
  /// The most tokens that the model writes, where that is known: the limit that the API wants is no higher.
  var maximumOutput: Int?

  var headers: HTTPHeaders { ["anthropic-version": "2023-06-01"] }

  func path(_ request: ModelRequest, model: String) -> String { "/messages" }

  func unsupported(in request: ModelRequest) -> String? {
    let options = request.options
    if request.prompt != nil { return "a prompt without a dialogue" }
    if options.seed != nil { return "seed" }
    if options.reasoningEffort != nil { return "reasoning_effort" }
    if (options.frequencyPenalty ?? 0) != 0 { return "frequency_penalty" }
    if (options.presencePenalty ?? 0) != 0 { return "presence_penalty" }
    switch options.responseFormat {
    case nil, .text: return nil
    case .jsonObject, .jsonSchema: return "response_format: ask for a tool with this schema instead"
    }
  }

  func keyHeaders(_ key: ProviderKey) -> HTTPHeaders { ["x-api-key": key.secret] }

  func body(_ request: ModelRequest, model: String, temperature: Double?) throws -> ByteBuffer {
    // Instructions stand apart, and the dialogue must begin with a user's turn: a reply whose question fell out of the
    // history says nothing without it.
    let instructions = request.messages.filter { $0.role == .system }.map(\.content).filter { !$0.isEmpty }
    let dialogue = request.messages.filter { $0.role != .system }.drop { $0.role == .assistant }
    var body: [String: JSONValue] = [
      "model": .string(model), "stream": .bool(true),
      "max_tokens": .integer(request.maximumTokens ?? min(Self.standardMaximumTokens, maximumOutput ?? .max)),
      "messages": .array(
        try dialogue.map {
          .object(["role": .string($0.role.rawValue), "content": .array(try blocks($0))])
        }),
    ]
    if !instructions.isEmpty { body["system"] = .string(instructions.joined(separator: "\n\n")) }
    // Anthropic's temperature ends at 1.
    if let temperature = request.options.temperature ?? temperature {
      body["temperature"] = .number(min(temperature, 1))
    }
    if let value = request.options.topP { body["top_p"] = .number(value) }
    if !request.options.stop.isEmpty { body["stop_sequences"] = .array(request.options.stop.map(JSONValue.string)) }
    if !request.tools.isEmpty, let choice = toolChoice(request.options) { body["tool_choice"] = .object(choice) }
    if !request.tools.isEmpty {
      body["tools"] = .array(
        try request.tools.map {
          .object([
            "name": .string($0.name), "description": .string($0.description),
            "input_schema": try JSONValue.parse($0.parameters),
          ])
        })
    }
    return ByteBuffer(data: try JSONValue.object(body).data)
  }

  private func toolChoice(_ options: GenerationOptions) -> [String: JSONValue]? {
    var choice: [String: JSONValue]
    switch options.toolChoice {
    case nil where options.allowsParallelToolCalls == nil: return nil
    case nil, .automatic: choice = ["type": .string("auto")]
    case .never: return ["type": .string("none")]
    case .required: choice = ["type": .string("any")]
    case .tool(let name): choice = ["type": .string("tool"), "name": .string(name)]
    }
    if let allows = options.allowsParallelToolCalls { choice["disable_parallel_tool_use"] = .bool(!allows) }
    return choice
  }

  private func blocks(_ message: ModelMessage) throws -> [JSONValue] {
    var blocks: [JSONValue] = message.toolResults.map {
      .object([
        "type": .string("tool_result"), "tool_use_id": .string($0.callID), "content": .string($0.content),
      ])
    }
    blocks += message.images.map {
      .object([
        "type": .string("image"),
        "source": .object([
          "type": .string("base64"), "media_type": .string($0.mediaType),
          "data": .string(Data($0.bytes).base64EncodedString()),
        ]),
      ])
    }
    // An empty text block is refused.
    if !message.content.isEmpty {
      blocks.append(.object(["type": .string("text"), "text": .string(message.content)]))
    }
    blocks += try message.toolCalls.map {
      .object([
        "type": .string("tool_use"), "id": .string($0.id), "name": .string($0.name),
        "input": try JSONValue.parse($0.arguments),
      ])
    }
    return blocks
  }

  func read(
    _ event: ServerSentEventParser.Event, into progress: inout ReplyProgress
  ) throws(ModelFailure) -> String? {
    let message = try progress.decode(Event.self, event)
    switch message.type {
    case "message_start":
      guard let usage = message.message?.usage else { return nil }
      try progress.setUsage(prompt: usage.prompt, completion: usage.output_tokens ?? 0)
    case "content_block_start":
      guard let block = message.content_block else { break }
      if block.type == "tool_use" {
        try progress.addToToolCall(message.index ?? 0) { draft in
          draft.id = block.id ?? ""
          draft.name = block.name ?? ""
        }
      }
      return block.text
    case "content_block_delta":
      if let json = message.delta?.partial_json {
        try progress.addToToolCall(message.index ?? 0) { $0.arguments += json }
      }
      return message.delta?.text
    case "message_delta":
      if let usage = message.usage {
        // The counts are of the whole message so far; the input is told again by newer versions alone.
        let prompt = usage.input_tokens == nil ? progress.usage?.promptTokens ?? 0 : usage.prompt
        try progress.setUsage(
          prompt: prompt, completion: usage.output_tokens ?? progress.usage?.completionTokens ?? 0)
      }
      switch message.delta?.stop_reason {
      case nil: break
      case "max_tokens", "model_context_window_exceeded": progress.finishReason = .length
      case "refusal": throw progress.failure.filtered
      default: progress.finishReason = .stop
      }
    case "message_stop": progress.isDone = true
    case "error": throw progress.errorEvent(message.error)
    // `ping`, `content_block_stop`, and what later versions add: the API asks that unknown events be read over.
    default: break
    }
    return nil
  }

  private struct Event: Decodable {
    struct Message: Decodable {
      let usage: Usage?
    }

    struct Usage: Decodable {
      let input_tokens: Int?
      let cache_creation_input_tokens: Int?
      let cache_read_input_tokens: Int?
      let output_tokens: Int?

      /// All that went in, from the cache or not. A sum too large to be one counts as the largest number.
      var prompt: Int {
        [cache_creation_input_tokens, cache_read_input_tokens].reduce(input_tokens ?? 0) { sum, more in
          let (total, overflows) = sum.addingReportingOverflow(more ?? 0)
          return overflows ? .max : total
        }
      }
    }

    struct Block: Decodable {
      let type: String?
      let id: String?
      let name: String?
      let text: String?
    }

    struct Delta: Decodable {
      let text: String?
      let partial_json: String?
      let stop_reason: String?
    }

    let type: String
    let index: Int?
    let message: Message?
    let content_block: Block?
    let delta: Delta?
    let usage: Usage?
    let error: ProviderError?
  }
}
