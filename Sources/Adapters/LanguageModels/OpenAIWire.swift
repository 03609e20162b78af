import Application
import Domain
import FoundationEssentials
import NIOHTTP1

/// Chat completions, as OpenAI, vLLM, Ollama, llama.cpp's server and others speak them.
///
/// Source: OpenAI API reference, "Create chat completion" and "The chat completion chunk object".
struct OpenAIWire: ProviderWire {
  var headers: HTTPHeaders { [:] }

  func path(model: String) -> String { "/chat/completions" }

  func keyHeaders(_ key: ProviderKey) -> HTTPHeaders { ["authorization": "Bearer \(key.secret)"] }

  func body(_ request: ModelRequest, model: String, temperature: Double?) throws -> Data {
    var messages: [JSONText] = []
    for message in request.messages {
      messages += message.toolResults.map {
        .object(["role": .string("tool"), "tool_call_id": .string($0.callID), "content": .string($0.content)])
      }
      let isResultAlone = !message.toolResults.isEmpty && message.content.isEmpty && message.images.isEmpty
      if !isResultAlone { messages.append(.object(turn(message))) }
    }
    var body: [String: JSONText] = [
      "model": .string(model), "messages": .array(messages), "stream": .bool(true),
      "stream_options": .object(["include_usage": .bool(true)]),
    ]
    if let temperature { body["temperature"] = .number(temperature) }
    if let maximum = request.maximumTokens { body["max_tokens"] = .integer(maximum) }
    if !request.tools.isEmpty {
      body["tools"] = .array(
        try request.tools.map {
          .object([
            "type": .string("function"),
            "function": .object([
              "name": .string($0.name), "description": .string($0.description),
              "parameters": try JSONText.parse($0.parameters),
            ]),
          ])
        })
    }
    return Data(try JSONText.object(body).text.utf8)
  }

  private func turn(_ message: ModelMessage) -> [String: JSONText] {
    var turn: [String: JSONText] = ["role": .string(message.role.rawValue), "content": .string(message.content)]
    if !message.images.isEmpty {
      let images = message.images.map { image in
        JSONText.object([
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
    let chunk = try progress.decode(ChatCompletionChunk.self, event)
    if chunk.error != nil || event.type == "error" { throw progress.errorEvent(chunk.error) }
    guard chunk.choices != nil || chunk.usage != nil else {
      throw progress.failure.broken("sent an event that is no reply")
    }
    if let usage = chunk.usage {
      try progress.setUsage(prompt: usage.prompt_tokens, completion: usage.completion_tokens)
    }
    // What follows the end of the text is no part of it.
    guard let choice = chunk.choice, progress.finishReason == nil else { return nil }
    for call in choice.delta?.tool_calls ?? [] {
      try progress.addToToolCall(call.index ?? 0) { draft in
        if let id = call.id { draft.id = id }
        if let name = call.function?.name { draft.name += name }
        draft.arguments += call.function?.arguments ?? ""
      }
    }
    switch choice.finish_reason {
    case nil, "": break
    case "length": progress.finishReason = .length
    case "content_filter": throw progress.failure.filtered
    case "tool_calls" where progress.toolCalls.isEmpty, "function_call":
      throw progress.failure.broken("asked for a tool although it was given none")
    default: progress.finishReason = .stop
    }
    return choice.delta?.content
  }
}
