import Application
import Domain
import FoundationEssentials
import NIOHTTP1
import Synchronization
import Testing

@testable import LanguageModels

/// A provider's stream as its documentation shows it, with the words "Grüße 😀" in two parts.
private struct Recording: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let dialect: HTTPLanguageModel.Dialect
  let path: String
  let keyHeader: String
  let stream: String
  /// One more event after the first text: an error.
  let error: String
  /// A whole answer that asks for the tool `look`.
  let toolStream: String

  static let all = [openAI, anthropic, gemini]

  static let openAI = Recording(
    testDescription: "OpenAI", dialect: .openAI, path: "/v1/chat/completions", keyHeader: "authorization",
    stream: """
      data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"Grüße "},"finish_reason":null}]}

      data: {"choices":[{"index":0,"delta":{"content":"😀"},"finish_reason":null}]}

      data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

      data: {"choices":[],"usage":{"prompt_tokens":25,"completion_tokens":15}}

      data: [DONE]


      """,
    error: #"data: {"error":{"message":"MARKER","type":"server_error"}}"# + "\n\n",
    toolStream: """
      data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"look","arguments":""}}]}}]}

      data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"at\\":"}}]}}]}

      data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"7}"}}]}}]}

      data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

      data: [DONE]


      """)

  static let anthropic = Recording(
    testDescription: "Anthropic", dialect: .anthropic, path: "/v1/messages", keyHeader: "x-api-key",
    stream: """
      event: message_start
      data: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"usage":{"input_tokens":20,"cache_read_input_tokens":5,"output_tokens":1}}}

      event: content_block_start
      data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

      event: ping
      data: {"type": "ping"}

      event: content_block_delta
      data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Grüße "}}

      event: content_block_delta
      data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"😀"}}

      event: content_block_stop
      data: {"type":"content_block_stop","index":0}

      event: message_delta
      data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}

      event: message_stop
      data: {"type":"message_stop"}


      """,
    error: "event: error\n" + #"data: {"type":"error","error":{"type":"overloaded_error","message":"MARKER"}}"#
      + "\n\n",
    toolStream: """
      event: content_block_start
      data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c1","name":"look","input":{}}}

      event: content_block_delta
      data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\\"at\\":"}}

      event: content_block_delta
      data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"7}"}}

      event: message_delta
      data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":15}}

      event: message_stop
      data: {"type":"message_stop"}


      """)

  static let gemini = Recording(
    testDescription: "Gemini", dialect: .gemini, path: "/v1/models/test-model:streamGenerateContent?alt=sse",
    keyHeader: "x-goog-api-key",
    stream: """
      data: {"candidates":[{"content":{"parts":[{"text":"thinking","thought":true},{"text":"Grüße "}],"role":"model"}}],"usageMetadata":{"promptTokenCount":25}}

      data: {"candidates":[{"content":{"parts":[{"text":"😀"}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":25,"candidatesTokenCount":11,"thoughtsTokenCount":4}}


      """,
    error: #"data: {"error":{"code":503,"message":"MARKER","status":"UNAVAILABLE"}}"# + "\n\n",
    toolStream: """
      data: {"candidates":[{"content":{"parts":[{"functionCall":{"id":"c1","name":"look","args":{"at":7}}}],"role":"model"},"finishReason":"STOP"}]}


      """)

  func configuration(_ url: String) throws -> HTTPLanguageModel.Configuration {
    try .init(
      name: "remote", dialect: dialect, baseURL: url, model: "test-model", keys: FixedKey(ProviderKey(secretKey)))
  }

  func outcome(
    _ steps: [LoopbackHTTPServer.Step], _ request: ModelRequest = Provider.request, log: LogLines = LogLines()
  ) async throws -> (ReplyOutcome, LoopbackHTTPServer.Record) {
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      let outcome = try await Provider.withModel(try configuration(server.baseURL), log: log) {
        await Provider.ask($0, request)
      }
      return (outcome, server.state)
    }
  }
}

@Suite("Each provider's dialect")
struct DialectTests {
  @Test(
    "streams its text with its end and its usage, to its own path, with the key in its own header",
    arguments: Recording.all)
  private func text(recording: Recording) async throws {
    let (outcome, seen) = try await recording.outcome([.head(.ok), .text(recording.stream), .end])
    #expect(outcome.text == "Grüße 😀")
    #expect(
      outcome.result
        == .success(ReplyEnd(finishReason: .stop, usage: TokenUsage(promptTokens: 25, completionTokens: 15))))
    let request = try #require(seen.requests.first)
    #expect(request.uri == recording.path)
    #expect(request.headers.first(name: recording.keyHeader)?.hasSuffix(secretKey) == true)
    #expect(!request.uri.contains(secretKey))
  }

  @Test("is read the same however the network cuts it, with CRLF and with comments", arguments: Recording.all)
  private func split(recording: Recording) async throws {
    let variant = ": hello\n\n" + recording.stream
    let lines = variant.replacing("\n", with: "\r\n")
    for text in [variant, lines] {
      let bytes = Array(text.utf8).map { LoopbackHTTPServer.Step.bytes([$0]) }
      let (outcome, _) = try await recording.outcome([.head(.ok)] + bytes + [.end])
      #expect(outcome.text == "Grüße 😀")
      #expect(outcome.failure == nil)
    }
  }

  @Test("an error event before any text is worth another try, after it the reply is broken", arguments: Recording.all)
  private func errorEvents(recording: Recording) async throws {
    let log = LogLines()
    let (early, _) = try await recording.outcome([.head(.ok), .text(recording.error), .end], log: log)
    switch early.failure {
    case .unavailable, .overloaded: break
    default: Issue.record("\(String(describing: early.failure))")
    }
    // All up to the event that holds the second part.
    let end = try #require(recording.stream.range(of: "\n\n", after: "Grüße "))
    let begun = String(recording.stream[..<end])
    let (late, _) = try await recording.outcome([.head(.ok), .text(begun), .text(recording.error), .end], log: log)
    #expect(late.text == "Grüße ")
    #expect(late.failure == .broken("the model remote failed half-way"))
    #expect(!log.text.contains("MARKER") && !log.text.contains("How high?") && !log.text.contains("Grüße"))
  }

  @Test("a stream that stops without its end breaks the reply", arguments: Recording.all)
  private func halfWay(recording: Recording) async throws {
    let end = try #require(recording.stream.range(of: "\n\n", after: "Grüße "))
    let (outcome, _) = try await recording.outcome([.head(.ok), .text(String(recording.stream[..<end])), .close])
    #expect(outcome.failure == .broken("the model remote broke off its reply"))
  }

  @Test(
    "a tool that was offered is asked for with its arguments; one that was not breaks the reply",
    arguments: Recording.all)
  private func tools(recording: Recording) async throws {
    let steps: [LoopbackHTTPServer.Step] = [.head(.ok), .text(recording.toolStream), .end]
    let tool = ModelTool(name: "look", description: "Looks.", parameters: #"{"type":"object"}"#)
    let request = ModelRequest(
      messages: Provider.request.messages, question: "", sources: [], maximumTokens: nil, tools: [tool])
    let (outcome, seen) = try await recording.outcome(steps, request)
    #expect(
      try outcome.result.get().toolCalls == [ModelToolCall(id: "c1", name: "look", arguments: #"{"at":7}"#)])
    #expect(String(decoding: try #require(seen.requests.first).body, as: UTF8.self).contains(#""name":"look""#))
    let (unasked, _) = try await recording.outcome(steps)
    #expect(unasked.failure == .broken("the model remote asked for a tool although it was given none"))
    var other = ModelRequest(
      messages: Provider.request.messages, question: "", sources: [], maximumTokens: nil,
      tools: [ModelTool(name: "listen", description: "Listens.", parameters: #"{"type":"object"}"#)])
    let (unknown, _) = try await recording.outcome(steps, other)
    #expect(unknown.failure == .broken("the model remote asked for a tool that it was not offered"))
    // Whoever answers such calls gets them.
    other.takesUnknownTools = true
    let (answered, _) = try await recording.outcome(steps, other)
    #expect(try answered.result.get().toolCalls.map(\.name) == ["look"])
  }

  @Test("pictures and a tool's answer go out in the provider's own form", arguments: Recording.all)
  private func images(recording: Recording) async throws {
    let image = try #require(ModelImage(mediaType: "image/png", bytes: [1, 2, 3]))
    let request = ModelRequest(
      messages: [
        ModelMessage(role: .user, content: "What is it?", images: [image]),
        ModelMessage(
          role: .assistant, content: "",
          toolCalls: [ModelToolCall(id: "c1", name: "look", arguments: #"{"at":7}"#, signature: "sig")]),
        ModelMessage(
          role: .user, content: "",
          toolResults: [ModelToolResult(callID: "c1", name: "look", content: "a cat")]),
      ], question: "", sources: [], maximumTokens: nil)
    let (_, seen) = try await recording.outcome([.head(.ok), .text(recording.stream), .end], request)
    let body = String(decoding: try #require(seen.requests.first).body, as: UTF8.self)
    let expected =
      switch recording.dialect {
      case .openAI: ["data:image/png;base64,AQID", #""tool_call_id":"c1""#, #""arguments":"{\"at\":7}""#]
      case .anthropic: [#""media_type":"image/png""#, #""data":"AQID""#, #""tool_use_id":"c1""#, #""input":{"at":7}"#]
      case .gemini:
        [#""mimeType":"image/png""#, #""data":"AQID""#, #""functionResponse""#, #""thoughtSignature":"sig""#]
      }
    for part in expected { #expect(body.contains(part)) }
  }

  @Test(
    "an overloaded provider says so, and when to come back",
    arguments: [
      (429, ["retry-after": "7"], "{}", Duration.seconds(7)),
      (529, [:], #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, nil),
      (
        429, [:],
        #"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"x"},{"retryDelay":"34s"}]}}"#,
        .seconds(34)
      ),
      (503, ["retry-after": "1"], "", .seconds(1)),
    ])
  func overloaded(status: Int, headers: [String: String], body: String, retryAfter: Duration?) async throws {
    let (outcome, _) = try await Recording.anthropic.outcome([
      .head(HTTPResponseStatus(statusCode: status), HTTPHeaders(headers.map { ($0.key, $0.value) })), .text(body), .end,
    ])
    #expect(
      outcome.failure
        == .overloaded("the provider of the model remote is overloaded or its quota is used up", retryAfter: retryAfter)
    )
  }

  @Test("Retry-After is seconds or a date")
  func retryAfter() {
    let now = Date(timeIntervalSince1970: 784_111_777)
    #expect(RetryAfter.header("Sun, 06 Nov 1994 08:49:47 GMT", now: now) == .seconds(10))
    #expect(RetryAfter.header("Sun, 06 Nov 1994 08:49:07 GMT", now: now) == .zero)
    #expect(RetryAfter.header("soon", now: now) == nil)
    #expect(RetryAfter.header("-1", now: now) == nil)
    #expect(RetryAfter.googleDuration("0.5s") == .milliseconds(500))
    #expect(RetryAfter.googleDuration("5") == nil)
  }

  @Test("a key that is refused is asked for once more, and the new one is used without a restart")
  func rotation() async throws {
    struct Rotating: ProviderKeySource {
      func key(rejected: ProviderKey?) async throws(ModelFailure) -> ProviderKey? {
        ProviderKey(rejected == nil ? "old-key" : "new-key")
      }
    }
    try await LoopbackHTTPServer.run({ request in
      request.headers.first(name: "x-api-key") == "new-key"
        ? [.head(.ok), .text(Recording.anthropic.stream), .end] : [.head(.unauthorized, [:]), .end]
    }) { server in
      let configuration = try HTTPLanguageModel.Configuration(
        name: "remote", dialect: .anthropic, baseURL: server.baseURL, model: "m", keys: Rotating())
      let outcome = try await Provider.withModel(configuration) { await Provider.ask($0) }
      #expect(outcome.text == "Grüße 😀")
      #expect(server.state.requests.count == 2)
    }
  }
}

extension String {
  /// The first place of a text after another one's first place.
  fileprivate func range(of text: String, after start: String) -> String.Index? {
    guard let first = firstRange(of: start), let next = self[first.upperBound...].firstRange(of: text) else {
      return nil
    }
    return next.upperBound
  }
}
