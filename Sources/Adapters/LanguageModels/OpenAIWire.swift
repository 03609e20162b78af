import Application
import Domain
import FoundationEssentials
import JSONValues
import NIOHTTP1

/// Chat completions and completions, as OpenAI, vLLM, Ollama, llama.cpp's server and others speak them.
///
/// Source: OpenAI API reference, "Create chat completion", "The chat completion chunk object" and "Create completion".
struct OpenAIWire: ProviderWire {
  var headers: HTTPHeaders { [:] }

  func path(_ request: ModelRequest, model: String) -> String {
    request.prompt == nil ? "/chat/completions" : "/completions"
  }

  func unsupported(in request: ModelRequest) -> String? { nil }

  func answersWhole(_ request: ModelRequest) -> Bool { request.isWantedWhole }

  func keyHeaders(_ key: ProviderKey) -> HTTPHeaders { ["authorization": "Bearer \(key.secret)"] }

  func body(_ request: ModelRequest, model: String, temperature: Double?) throws -> Data {
    var messages: [JSONValue] = []
    for message in request.messages {
      messages += message.toolResults.map {
        .object(["role": .string("tool"), "tool_call_id": .string($0.callID), "content": .string($0.content)])
      }
      let isResultAlone = !message.toolResults.isEmpty && message.content.isEmpty && message.images.isEmpty
      if !isResultAlone { messages.append(.object(turn(message))) }
    }
    let options = request.options
    var body: [String: JSONValue] = ["model": .string(model)]
    if !answersWhole(request) {
      body["stream"] = .bool(true)
      body["stream_options"] = .object(["include_usage": .bool(true)])
    }
    if let prompt = request.prompt {
      body["prompt"] = .string(prompt.text)
      if let suffix = prompt.suffix { body["suffix"] = .string(suffix) }
    } else {
      body["messages"] = .array(messages)
    }
    if let temperature = options.temperature ?? temperature { body["temperature"] = .number(temperature) }
    if let maximum = request.maximumTokens {
      body[options.limitCountsReasoning ? "max_completion_tokens" : "max_tokens"] = .integer(maximum)
    }
    if let value = options.topP { body["top_p"] = .number(value) }
    if let value = options.frequencyPenalty { body["frequency_penalty"] = .number(value) }
    if let value = options.presencePenalty { body["presence_penalty"] = .number(value) }
    if let effort = options.reasoningEffort { body["reasoning_effort"] = .string(effort.rawValue) }
    if let seed = options.seed { body["seed"] = .integer(seed) }
    if !options.stop.isEmpty { body["stop"] = .array(options.stop.map(JSONValue.string)) }
    if let format = options.responseFormat { body["response_format"] = try responseFormat(format) }
    if let choice = options.toolChoice { body["tool_choice"] = toolChoice(choice) }
    if let allows = options.allowsParallelToolCalls { body["parallel_tool_calls"] = .bool(allows) }
    if !request.tools.isEmpty {
      body["tools"] = .array(
        try request.tools.map {
          .object([
            "type": .string("function"),
            "function": .object([
              "name": .string($0.name), "description": .string($0.description),
              "parameters": try JSONValue.parse($0.parameters),
            ]),
          ])
        })
    }
    return Data(try JSONValue.object(body).text.utf8)
  }

  private func responseFormat(_ format: GenerationOptions.ResponseFormat) throws -> JSONValue {
    switch format {
    case .text: return .object(["type": .string("text")])
    case .jsonObject: return .object(["type": .string("json_object")])
    case .jsonSchema(let format):
      var schema: [String: JSONValue] = ["name": .string(format.name), "schema": try JSONValue.parse(format.schema)]
      if let description = format.description { schema["description"] = .string(description) }
      if let isStrict = format.isStrict { schema["strict"] = .bool(isStrict) }
      return .object(["type": .string("json_schema"), "json_schema": .object(schema)])
    }
  }

  private func toolChoice(_ choice: GenerationOptions.ToolChoice) -> JSONValue {
    switch choice {
    case .automatic: .string("auto")
    case .never: .string("none")
    case .required: .string("required")
    case .tool(let name):
      .object(["type": .string("function"), "function": .object(["name": .string(name)])])
    }
  }

  private func turn(_ message: ModelMessage) -> [String: JSONValue] {
    var turn: [String: JSONValue] = ["role": .string(message.role.rawValue), "content": .string(message.content)]
    if !message.images.isEmpty {
      let images = message.images.map { image in
        JSONValue.object([
          "type": .string("image_url"),
          "image_url": .object([
            "url": .string("data:\(image.mediaType);base64,\(Data(image.bytes).base64EncodedString())")
          ]),
        ])
      }
      turn["content"] = .array([.object(["type": .string("text"), "text": .string(message.content)])] + images)
    }
    if !message.toolCalls.isEmpty {
      turn["tool_calls"] = .array(
        message.toolCalls.map {
          .object([
            "id": .string($0.id), "type": .string("function"),
            "function": .object(["name": .string($0.name), "arguments": .string($0.arguments)]),
          ])
        })
    }
    return turn
  }

  func read(
    _ event: ServerSentEventParser.Event, into progress: inout ReplyProgress
  ) throws(ModelFailure) -> String? {
    if event.data == "[DONE]" {
      progress.isDone = true
      return nil
    }
    let chunk: ChatCompletionChunk
    if let common = ChatCompletionChunk.read(event.data) {
      chunk = common
    } else {
      chunk = try progress.decode(ChatCompletionChunk.self, event)
    }
    if chunk.error != nil || event.type == "error" { throw progress.errorEvent(chunk.error) }
    guard chunk.choices != nil || chunk.usage != nil else {
      throw progress.failure.broken("sent an event that is no reply")
    }
    if let usage = chunk.usage {
      try progress.setUsage(prompt: usage.prompt_tokens, completion: usage.completion_tokens)
    }
    // What follows the end of the text is no part of it.
    guard let choice = chunk.choice, progress.finishReason == nil else { return nil }
    try add(choice.delta?.tool_calls, to: &progress)
    try end(choice.finish_reason, of: &progress)
    return choice.delta?.content ?? choice.text
  }

  func readWhole(_ body: String, into progress: inout ReplyProgress) throws(ModelFailure) -> String? {
    let answer: ChatCompletionAnswer
    if let common = ChatCompletionAnswer.read(body) {
      answer = common
    } else {
      answer = try progress.decode(ChatCompletionAnswer.self, body, or: "sent what is no reply")
    }
    if answer.error != nil { throw progress.errorEvent(answer.error) }
    guard let choice = answer.choices?.first(where: { ($0.index ?? 0) == 0 }) else {
      throw progress.failure.broken("sent what is no reply")
    }
    if let usage = answer.usage {
      try progress.setUsage(prompt: usage.prompt_tokens, completion: usage.completion_tokens)
    }
    try add(choice.message?.tool_calls, to: &progress)
    // A whole answer has ended, whether it says how or not.
    try end(choice.finish_reason ?? "stop", of: &progress)
    return choice.message?.content ?? choice.text
  }

  private func add(
    _ calls: [ChatCompletionChunk.Choice.ToolCall]?, to progress: inout ReplyProgress
  ) throws(ModelFailure) {
    for (place, call) in (calls ?? []).enumerated() {
      try progress.addToToolCall(call.index ?? place) { draft in
        if let id = call.id { draft.id = id }
        if let name = call.function?.name { draft.name += name }
        draft.arguments += call.function?.arguments ?? ""
      }
    }
  }

  private func end(_ reason: String?, of progress: inout ReplyProgress) throws(ModelFailure) {
    switch reason {
    case nil, "": break
    case "length": progress.finishReason = .length
    case "content_filter": throw progress.failure.filtered
    case "tool_calls" where progress.toolCalls.isEmpty, "function_call":
      throw progress.failure.broken("asked for a tool although it was given none")
    default: progress.finishReason = .stop
    }
  }
}
