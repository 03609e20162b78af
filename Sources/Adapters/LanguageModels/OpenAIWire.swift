import Application
import Domain
import FoundationEssentials
import JSONValues
import NIOCore
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

  func body(_ request: ModelRequest, model: String, temperature: Double?) throws -> ByteBuffer {
    let texts = request.messages.reduce(0) { $0 + $1.content.utf8.count }
    var json = JSONWriter(capacity: 512 + texts + texts / 8)
    try json.object { json in
      json.name("model")
      json.string(model)
      if !answersWhole(request) {
        json.name("stream")
        json.bool(true)
        json.name("stream_options")
        json.object { json in
          json.name("include_usage")
          json.bool(true)
        }
      }
      if let prompt = request.prompt {
        json.name("prompt")
        json.string(prompt.text)
        if let suffix = prompt.suffix {
          json.name("suffix")
          json.string(suffix)
        }
      } else {
        json.name("messages")
        json.array { json in for message in request.messages { write(message, to: &json) } }
      }
      try write(request.options, temperature: temperature, maximumTokens: request.maximumTokens, to: &json)
      if !request.tools.isEmpty {
        json.name("tools")
        try json.array { json in for tool in request.tools { try write(tool, to: &json) } }
      }
    }
    return ByteBuffer(bytes: json.bytes)
  }

  private func write(
    _ options: GenerationOptions, temperature: Double?, maximumTokens: Int?, to json: inout JSONWriter
  ) throws {
    func number(_ name: StaticString, _ value: Double?) throws {
      guard let value else { return }
      json.name(name)
      try json.value(.number(value))
    }
    try number("temperature", options.temperature ?? temperature)
    if let maximumTokens {
      json.name(options.limitCountsReasoning ? "max_completion_tokens" : "max_tokens")
      json.integer(maximumTokens)
    }
    try number("top_p", options.topP)
    try number("frequency_penalty", options.frequencyPenalty)
    try number("presence_penalty", options.presencePenalty)
    if let effort = options.reasoningEffort {
      json.name("reasoning_effort")
      json.string(effort.rawValue)
    }
    if let seed = options.seed {
      json.name("seed")
      json.integer(seed)
    }
    if !options.stop.isEmpty {
      json.name("stop")
      json.array { json in for stop in options.stop { json.string(stop) } }
    }
    if let format = options.responseFormat {
      json.name("response_format")
      try json.value(responseFormat(format))
    }
    if let choice = options.toolChoice {
      json.name("tool_choice")
      try json.value(toolChoice(choice))
    }
    if let allows = options.allowsParallelToolCalls {
      json.name("parallel_tool_calls")
      json.bool(allows)
    }
  }

  private func write(_ tool: ModelTool, to json: inout JSONWriter) throws {
    try json.value(
      .object([
        "type": .string("function"),
        "function": .object([
          "name": .string(tool.name), "description": .string(tool.description),
          "parameters": try JSONValue.parse(tool.parameters),
        ]),
      ]))
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

  /// Writes a turn: first what tools have answered, each as a message of its own.
  private func write(_ message: ModelMessage, to json: inout JSONWriter) {
    for result in message.toolResults {
      json.object { json in
        json.name("role")
        json.string("tool")
        json.name("tool_call_id")
        json.string(result.callID)
        json.name("content")
        json.string(result.content)
      }
    }
    if !message.toolResults.isEmpty, message.content.isEmpty, message.images.isEmpty { return }
    json.object { json in
      json.name("role")
      json.string(message.role.rawValue)
      json.name("content")
      if message.images.isEmpty {
        json.string(message.content)
      } else {
        json.array { json in write(message.content, message.images, to: &json) }
      }
      if !message.toolCalls.isEmpty {
        json.name("tool_calls")
        json.array { json in for call in message.toolCalls { write(call, to: &json) } }
      }
    }
  }

  private func write(_ text: String, _ images: [ModelImage], to json: inout JSONWriter) {
    json.object { json in
      json.name("type")
      json.string("text")
      json.name("text")
      json.string(text)
    }
    for image in images {
      json.object { json in
        json.name("type")
        json.string("image_url")
        json.name("image_url")
        json.object { json in
          json.name("url")
          json.string("data:\(image.mediaType);base64,\(Data(image.bytes).base64EncodedString())")
        }
      }
    }
  }

  private func write(_ call: ModelToolCall, to json: inout JSONWriter) {
    json.object { json in
      json.name("id")
      json.string(call.id)
      json.name("type")
      json.string("function")
      json.name("function")
      json.object { json in
        json.name("name")
        json.string(call.name)
        json.name("arguments")
        json.string(call.arguments)
      }
    }
  }

  func read(
    _ event: ServerSentEventParser.Event, into progress: inout ReplyProgress
  ) throws(ModelFailure) -> String? {
    if event.data == "[DONE]" {
      progress.isDone = true
      return nil
    }
    let chunk: ChatCompletionChunk = try completion(event.data, progress, or: "sent an event that is no reply")
    if chunk.error != nil || event.type == "error" { throw progress.errorEvent(chunk.error) }
    guard chunk.choices != nil || chunk.usage != nil else {
      throw progress.failure.broken("sent an event that is no reply")
    }
    if let usage = chunk.usage {
      try progress.setUsage(prompt: usage.prompt_tokens, completion: usage.completion_tokens)
    }
    // What follows the end of the text is no part of it.
    guard let choice = chunk.choice, progress.finishReason == nil else { return nil }
    try add(choice.message?.tool_calls, to: &progress)
    try end(choice.finish_reason, of: &progress)
    return choice.message?.content ?? choice.text
  }

  func readWhole(_ body: String, into progress: inout ReplyProgress) throws(ModelFailure) -> String? {
    let answer: ChatCompletionAnswer = try completion(body, progress, or: "sent what is no reply")
    if answer.error != nil { throw progress.errorEvent(answer.error) }
    guard let choice = answer.choice else { throw progress.failure.broken("sent what is no reply") }
    if let usage = answer.usage {
      try progress.setUsage(prompt: usage.prompt_tokens, completion: usage.completion_tokens)
    }
    try add(choice.message?.tool_calls, to: &progress)
    // A whole answer has ended, whether it says how or not.
    try end(choice.finish_reason ?? "stop", of: &progress)
    return choice.message?.content ?? choice.text
  }

  /// Reads an event or an answer: one of the common form where it lies, any other with a decoder.
  private func completion<Choice>(
    _ text: String, _ progress: ReplyProgress, or words: String
  ) throws(ModelFailure) -> ChatCompletion<Choice> {
    if let common = ChatCompletion<Choice>.read(text) { return common }
    return try progress.decode(ChatCompletion<Choice>.self, text, or: words)
  }

  private func add(
    _ calls: [ChatCompletionPart.ToolCall]?, to progress: inout ReplyProgress
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
