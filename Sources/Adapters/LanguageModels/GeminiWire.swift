import Application
import Domain
import FoundationEssentials
import JSONValues
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Google Gemini's `streamGenerateContent`.
///
/// Source: Gemini API reference, "Generating content" (`v1beta`), `alt=sse`; errors as `google.rpc.Status`.
struct GeminiWire: ProviderWire {
  var headers: HTTPHeaders { [:] }

  func path(_ request: ModelRequest, model: String) -> String { "/models/\(model):streamGenerateContent?alt=sse" }

  func unsupported(in request: ModelRequest) -> String? {
    if request.prompt != nil { return "a prompt without a dialogue" }
    if request.options.reasoningEffort != nil { return "reasoning_effort" }
    return request.options.allowsParallelToolCalls == false ? "parallel_tool_calls" : nil
  }

  // Never in the address, which others may log.
  func keyHeaders(_ key: ProviderKey) -> HTTPHeaders { ["x-goog-api-key": key.secret] }

  func body(_ request: ModelRequest, model: String, temperature: Double?) throws -> ByteBuffer {
    let instructions = request.messages.filter { $0.role == .system }.map(\.content).filter { !$0.isEmpty }
    var body: [String: JSONValue] = [
      "contents": .array(
        try request.messages.filter { $0.role != .system }.map {
          .object(["role": .string($0.role == .assistant ? "model" : "user"), "parts": .array(try parts($0))])
        })
    ]
    if !instructions.isEmpty {
      body["systemInstruction"] = .object([
        "parts": .array([.object(["text": .string(instructions.joined(separator: "\n\n"))])])
      ])
    }
    let generation = try generation(request, temperature: temperature)
    if !generation.isEmpty { body["generationConfig"] = .object(generation) }
    if !request.tools.isEmpty, let choice = request.options.toolChoice {
      body["toolConfig"] = .object(["functionCallingConfig": .object(functionCalling(choice))])
    }
    if !request.tools.isEmpty {
      let functions = try request.tools.map { tool in
        JSONValue.object([
          "name": .string(tool.name), "description": .string(tool.description),
          "parametersJsonSchema": try JSONValue.parse(tool.parameters),
        ])
      }
      body["tools"] = .array([.object(["functionDeclarations": .array(functions)])])
    }
    return ByteBuffer(data: try JSONValue.object(body).data)
  }

  private func generation(_ request: ModelRequest, temperature: Double?) throws -> [String: JSONValue] {
    let options = request.options
    var generation: [String: JSONValue] = [:]
    if let temperature = options.temperature ?? temperature { generation["temperature"] = .number(temperature) }
    if let maximum = request.maximumTokens { generation["maxOutputTokens"] = .integer(maximum) }
    if let value = options.topP { generation["topP"] = .number(value) }
    if let value = options.frequencyPenalty { generation["frequencyPenalty"] = .number(value) }
    if let value = options.presencePenalty { generation["presencePenalty"] = .number(value) }
    if let seed = options.seed { generation["seed"] = .integer(seed) }
    if !options.stop.isEmpty { generation["stopSequences"] = .array(options.stop.map(JSONValue.string)) }
    switch options.responseFormat {
    case nil, .text: break
    case .jsonObject: generation["responseMimeType"] = .string("application/json")
    case .jsonSchema(let format):
      generation["responseMimeType"] = .string("application/json")
      generation["responseJsonSchema"] = try JSONValue.parse(format.schema)
    }
    return generation
  }

  private func functionCalling(_ choice: GenerationOptions.ToolChoice) -> [String: JSONValue] {
    switch choice {
    case .automatic: ["mode": .string("AUTO")]
    case .never: ["mode": .string("NONE")]
    case .required: ["mode": .string("ANY")]
    case .tool(let name): ["mode": .string("ANY"), "allowedFunctionNames": .array([.string(name)])]
    }
  }

  private func parts(_ message: ModelMessage) throws -> [JSONValue] {
    var parts: [JSONValue] = message.toolResults.map {
      .object([
        "functionResponse": .object([
          "name": .string($0.name), "response": .object(["result": .string($0.content)]),
        ])
      ])
    }
    if !message.content.isEmpty { parts.append(.object(["text": .string(message.content)])) }
    parts += message.images.map {
      .object([
        "inlineData": .object([
          "mimeType": .string($0.mediaType), "data": .string(Data($0.bytes).base64EncodedString()),
        ])
      ])
    }
    parts += try message.toolCalls.map { call in
      var part: [String: JSONValue] = [
        "functionCall": .object(["name": .string(call.name), "args": try JSONValue.parse(call.arguments)])
      ]
      if let signature = call.signature { part["thoughtSignature"] = .string(signature) }
      return .object(part)
    }
    return parts
  }

  func read(
    _ event: ServerSentEventParser.Event, into progress: inout ReplyProgress
  ) throws(ModelFailure) -> String? {
    let chunk = try progress.decode(Chunk.self, event)
    if let error = chunk.error { throw progress.errorEvent(error) }
    guard chunk.candidates != nil || chunk.usageMetadata != nil || chunk.promptFeedback != nil else {
      throw progress.failure.broken("sent an event that is no reply")
    }
    if let usage = chunk.usageMetadata {
      // Thinking is paid as output, and told apart from it.
      let (output, overflows) = (usage.candidatesTokenCount ?? 0).addingReportingOverflow(
        usage.thoughtsTokenCount ?? 0)
      try progress.setUsage(prompt: usage.promptTokenCount ?? 0, completion: overflows ? .max : output)
    }
    if chunk.promptFeedback?.blockReason != nil { throw progress.failure.filtered }
    guard let candidate = chunk.candidates?.first(where: { ($0.index ?? 0) == 0 }), progress.finishReason == nil
    else { return nil }
    var text = ""
    for part in candidate.content?.parts ?? [] where part.thought != true {
      text += part.text ?? ""
      guard let call = part.functionCall else { continue }
      let arguments: String
      do { arguments = try JSONValue.object(call.args ?? [:]).text } catch {
        throw progress.failure.broken("asked for a tool in a form that is none")
      }
      try progress.addToToolCall(progress.toolCalls.count) { draft in
        draft.id = call.id ?? ""
        draft.name = call.name
        draft.arguments = arguments
        draft.signature = part.thoughtSignature
      }
    }
    switch candidate.finishReason {
    case nil, "FINISH_REASON_UNSPECIFIED": break
    case "STOP": progress.finishReason = .stop
    case "MAX_TOKENS": progress.finishReason = .length
    case "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY":
      throw progress.failure.filtered
    default: throw progress.failure.broken("ended its reply for a reason that is no end")
    }
    return text
  }

  private struct Chunk: Decodable {
    struct Candidate: Decodable {
      struct Content: Decodable {
        let parts: [Part]?
      }

      let index: Int?
      let content: Content?
      let finishReason: String?
    }

    struct Part: Decodable {
      struct FunctionCall: Decodable {
        let id: String?
        let name: String
        let args: [String: JSONValue]?
      }

      let text: String?
      let thought: Bool?
      let functionCall: FunctionCall?
      let thoughtSignature: String?
    }

    struct Usage: Decodable {
      let promptTokenCount: Int?
      let candidatesTokenCount: Int?
      let thoughtsTokenCount: Int?
    }

    struct Feedback: Decodable {
      let blockReason: String?
    }

    let candidates: [Candidate]?
    let usageMetadata: Usage?
    let promptFeedback: Feedback?
    let error: ProviderError?
  }
}
