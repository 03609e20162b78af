import Application
import Domain
import FoundationEssentials
import Instrumentation
import NIOHTTP1
import ServiceContextModule
import Testing

@testable import LanguageModels

@Suite("A reply of an OpenAI-compatible provider")
struct OpenAICompatibleReplyTests {
  @Test("comes part by part, with its end and its usage")
  func streams() async throws {
    let outcome = try await Provider.outcome(of: [
      .head(.ok, ["content-type": "text/event-stream; charset=utf-8"]),
      .text(#"data: {"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"# + "\n\n"),
      .text(": keep-alive\n\n"), .text(Provider.delta("330 ")), .text(Provider.delta("metres [1]")),
      .text(#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"# + "\n\n"),
      .text(Provider.usage + Provider.done), .end,
    ])
    #expect(outcome.texts == ["330 ", "metres [1]"])
    #expect(
      outcome.result
        == .success(ReplyEnd(finishReason: .stop, usage: TokenUsage(promptTokens: 12, completionTokens: 3))))
  }

  @Test("the request has the dialogue, the limit, the key and asks for a stream with usage")
  func request() async throws {
    let steps: [LoopbackHTTPServer.Step] = [.head(.ok), .text(Provider.delta("a", finish: "stop")), .end]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      let configuration = try Provider.configuration(server.baseURL + "/", temperature: 0.5)
      let outcome = try await Provider.withModel(configuration) { await Provider.ask($0) }
      #expect(outcome.text == "a")
      let request = try #require(server.state.requests.first)
      #expect(request.method == .POST)
      #expect(request.uri == "/v1/chat/completions")
      #expect(request.headers["authorization"] == ["Bearer \(secretKey)"])
      #expect(request.headers["content-type"] == ["application/json"])
      struct Body: Decodable {
        struct Message: Decodable, Equatable {
          let role: String
          let content: String
        }
        struct Options: Decodable {
          let include_usage: Bool
        }
        let model: String
        let messages: [Message]
        let stream: Bool
        let stream_options: Options
        let temperature: Double
        let max_tokens: Int
      }
      let body = try JSONDecoder().decode(Body.self, from: Data(request.body))
      #expect(body.model == "test-model")
      #expect(
        body.messages == [.init(role: "system", content: "Be brief."), .init(role: "user", content: "How high?")])
      #expect(body.stream && body.stream_options.include_usage)
      #expect(body.temperature == 0.5)
      #expect(body.max_tokens == 64)
    }
  }

  @Test("characters that are split over chunks come whole", arguments: [1, 2, 3, 7])
  func splitCharacters(size: Int) async throws {
    let bytes = Array((Provider.delta("größer 🙂 東京", finish: "stop") + Provider.done).utf8)
    let parts = stride(from: 0, to: bytes.count, by: size).map { start in
      LoopbackHTTPServer.Step.bytes(Array(bytes[start..<min(start + size, bytes.count)]))
    }
    let outcome = try await Provider.outcome(of: [.head(.ok)] + parts + [.end])
    #expect(outcome.text == "größer 🙂 東京")
    #expect(outcome.failure == nil)
  }

  @Test(
    "the provider's reason for the end is told",
    arguments: [("stop", FinishReason.stop), ("length", .length), ("eos", .stop)])
  func finishReasons(reason: String, expected: FinishReason) async throws {
    let outcome = try await Provider.outcome(
      of: [.head(.ok), .text(Provider.delta("a", finish: reason)), .text(Provider.done), .end])
    #expect(try outcome.result.get().finishReason == expected)
  }

  @Test("without a usage there is none")
  func noUsage() async throws {
    let outcome = try await Provider.outcome(of: [.head(.ok), .text(Provider.delta("a", finish: "stop")), .end])
    #expect(outcome.result == .success(ReplyEnd(finishReason: .stop, usage: nil)))
  }

  @Test("the final mark ends the call although the provider keeps the connection open")
  func doneEnds() async throws {
    let outcome = try await Provider.outcome(
      of: [.head(.ok), .text(Provider.delta("a", finish: "stop") + Provider.done)])
    #expect(outcome.result == .success(ReplyEnd(finishReason: .stop, usage: nil)))
  }

  @Test("a reply that is whole counts although the provider then hangs without the final mark")
  func hangsAfterEnd() async throws {
    var timeouts = HTTPLanguageModel.Configuration.Timeouts()
    timeouts.gap = .milliseconds(200)
    let outcome = try await Provider.outcome(
      of: [.head(.ok), .text(Provider.delta("a", finish: "stop"))], timeouts: timeouts)
    #expect(outcome.result == .success(ReplyEnd(finishReason: .stop, usage: nil)))
  }

  @Test("the next part is read only when the reader has taken the one before")
  func backPressure() async throws {
    let times = 4_096
    let event = Array(Provider.delta(String(repeating: "x", count: 16_000)).utf8)
    let steps: [LoopbackHTTPServer.Step] = [
      .head(.ok), .text(Provider.delta("first")), .flood(event, times: times), .end,
    ]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      var limits = HTTPLanguageModel.Configuration.Limits()
      limits.responseBytes = 256 << 20
      let configuration = try Provider.configuration(server.baseURL, limits: limits)
      let outcome = try await Provider.withModel(configuration) { model in
        await Provider.ask(model) { text throws(ModelFailure) in
          guard text == "first" else { return }
          // Until the provider has written nothing for half a second: all buffers on the way are full.
          var before = -1
          while server.state.flooded != before {
            before = server.state.flooded
            do { try await Task.sleep(for: .milliseconds(500)) } catch { throw .cancelled }
          }
          #expect(before < times, "64 MB went out to a reader that took one part")
          throw .cancelled
        }
      }
      #expect(outcome.texts == ["first"])
      #expect(outcome.failure == .cancelled)
    }
  }

  @Test("the trace of the calling task goes along in the request's headers")
  func trace() async throws {
    let steps: [LoopbackHTTPServer.Step] = [.head(.ok), .text(Provider.delta("a", finish: "stop")), .end]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      let model = HTTPLanguageModel(
        try Provider.configuration(server.baseURL), instrument: TraceParent(), logger: LogLines().logger)
      var context = ServiceContext.topLevel
      context[TraceParentKey.self] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      let outcome = await ServiceContext.$current.withValue(context) { await Provider.ask(model) }
      try await model.shutdown()
      #expect(outcome.failure == nil)
      #expect(
        server.state.requests.first?.headers["traceparent"]
          == ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
    }
  }

  @Test("a connection serves one reply after another")
  func keepsConnection() async throws {
    let steps: [LoopbackHTTPServer.Step] = [
      .head(.ok), .text(Provider.delta("a", finish: "stop")), .end,
    ]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        for _ in 0..<3 { #expect(await Provider.ask(model).text == "a") }
      }
      #expect(server.state.requests.count == 3)
      #expect(server.state.opened == 1)
    }
  }
}

private enum TraceParentKey: ServiceContextKey {
  typealias Value = String
}

private struct TraceParent: Instrument {
  func extract<Carrier, Extract: Extractor>(
    _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
  ) where Extract.Carrier == Carrier {
    context[TraceParentKey.self] = extractor.extract(key: "traceparent", from: carrier)
  }

  func inject<Carrier, Inject: Injector>(
    _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
  ) where Inject.Carrier == Carrier {
    if let value = context[TraceParentKey.self] { injector.inject(value, forKey: "traceparent", into: &carrier) }
  }
}
