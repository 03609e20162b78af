import Application
import Domain
import NIOCore
import NIOHTTP1
import Testing

@testable import LanguageModels

@Suite("The connections to a provider")
struct ProviderConnectionTests {
  private typealias Step = LoopbackHTTPServer.Step

  private static let answer: [Step] = [
    .head(.ok, ["content-type": "application/json"]),
    .text(
      #"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#
    ), .end,
  ]

  private static var whole: ModelRequest {
    var request = Provider.request
    request.isWantedWhole = true
    return request
  }

  @Test("a reply that is wanted whole is asked for without a stream, and read at once")
  func whole() async throws {
    try await LoopbackHTTPServer.run({ _ in Self.answer }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        let outcome = await Provider.ask(model, Self.whole)
        #expect(outcome.texts == ["Hi"])
        let end = try outcome.result.get()
        #expect(end == ReplyEnd(finishReason: .stop, usage: TokenUsage(promptTokens: 4, completionTokens: 2)))
      }
      let request = try #require(server.state.requests.first)
      #expect(request.headers["accept"] == ["application/json"])
      #expect(!String(decoding: request.body, as: UTF8.self).contains("stream"))
    }
  }

  @Test("a usage of nothing for a reply with text is none")
  func zeros() async throws {
    let steps: [Step] = [
      .head(.ok, ["content-type": "application/json"]),
      .text(#"{"choices":[{"message":{"content":"Hi"}}],"usage":{"prompt_tokens":0,"completion_tokens":0}}"#), .end,
    ]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        let end = try await Provider.ask(model, Self.whole).result.get()
        #expect(end == ReplyEnd(finishReason: .stop, usage: nil))
      }
    }
  }

  @Test("a provider that streams all the same is read as a stream")
  func streamsAllTheSame() async throws {
    let steps: [Step] = [.head(.ok), .text(Provider.delta("a", finish: "stop")), .text(Provider.done), .end]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        #expect(await Provider.ask(model, Self.whole).text == "a")
      }
    }
  }

  @Test(
    "of a whole answer what is no reply breaks, and tools and ends are told",
    arguments: [
      (#"{"choices":[]}"#, "sent what is no reply"), (#"{"choices":[{}"#, "sent what is no reply"),
      ("[]", "sent what is no reply"),
      (
        #"{"choices":[{"message":{"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"x","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
        "asked for a tool although it was given none"
      ),
      (
        #"{"choices":[{"message":{"content":"a"},"finish_reason":"tool_calls"}]}"#,
        "asked for a tool although it was given none"
      ),
    ])
  func wholeButBroken(body: String, words: String) async throws {
    let steps: [Step] = [.head(.ok, ["content-type": "application/json"]), .text(body), .end]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        #expect(await Provider.ask(model, Self.whole).failure == .broken("the model local \(words)"))
      }
    }
  }

  @Test("a whole answer may take as long as a reply may, and no longer")
  func wholeInTime() async throws {
    var timeouts = HTTPLanguageModel.Configuration.Timeouts()
    (timeouts.firstToken, timeouts.gap, timeouts.whole) = (.milliseconds(300), .milliseconds(300), .seconds(5))
    for (pause, isInTime) in [(TimeAmount.seconds(1), true), (.seconds(15), false)] {
      try await LoopbackHTTPServer.run({ _ in [.pause(pause)] + Self.answer }) { server in
        try await Provider.withModel(try Provider.configuration(server.baseURL, timeouts: timeouts)) { model in
          let outcome = await Provider.ask(model, Self.whole)
          #expect((outcome.text == "Hi") == isInTime)
          if !isInTime { #expect(outcome.failure == .broken("the model local took too long to finish its reply")) }
        }
      }
    }
  }

  @Test("what a provider says behind its last event is read over, and the connection is kept")
  func drained() async throws {
    let steps: [Step] = [
      .head(.ok), .text(Provider.delta("a", finish: "stop") + Provider.done), .pause(.milliseconds(50)),
      .text(": bye\n\n"), .end,
    ]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        #expect(await Provider.ask(model).text == "a")
        let hasEnded = try await server.wait { $0.ended == 1 }
        #expect(hasEnded)
        // The end is on its way.
        try await Task.sleep(for: .milliseconds(100))
        #expect(await Provider.ask(model).text == "a")
      }
      #expect(server.state.opened == 1)
    }
  }

  @Test("a provider that never ends its answer costs its connection, and nobody waits for it")
  func neverEnds() async throws {
    let steps: [Step] = [.head(.ok), .text(Provider.delta("a", finish: "stop") + Provider.done)]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        let start = ContinuousClock.now
        #expect(await Provider.ask(model).text == "a")
        #expect(ContinuousClock.now - start < .milliseconds(900))
        let hasClosed = try await server.wait { $0.closed == 1 }
        #expect(hasClosed)
      }
    }
  }

  @Test("a kept connection that the provider closes in the very moment is replaced, and the call succeeds")
  func stale() async throws {
    try await LoopbackHTTPServer.run({ request in
      // The second request of a connection finds it closed.
      String(decoding: request.body, as: UTF8.self).contains("again")
        ? [.close] : [.head(.ok), .text(Provider.delta("a", finish: "stop") + Provider.done), .end]
    }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        #expect(await Provider.ask(model).text == "a")
        let again = ModelRequest(
          messages: [ModelMessage(role: .user, content: "again")], question: "again", sources: [], maximumTokens: nil)
        // Once on the kept one, once on a new one, and no more.
        #expect(
          await Provider.ask(model, again).failure
            == .unavailable("the provider of the model local closed the connection without an answer"))
        #expect(server.state.requests.count == 3)
        #expect(server.state.opened == 2)
      }
    }
  }

  @Test("a provider that closes after each answer is asked over a new connection each time")
  func notKept() async throws {
    let steps: [Step] = [
      .head(.ok, ["content-type": "text/event-stream", "connection": "close"]),
      .text(Provider.delta("a", finish: "stop")), .end,
    ]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        for _ in 0..<3 { #expect(await Provider.ask(model).text == "a") }
      }
      #expect(server.state.opened == 3)
    }
  }

  @Test("calls at once have a connection each")
  func atOnce() async throws {
    let steps: [Step] = [
      .head(.ok), .text(Provider.delta("a")), .pause(.milliseconds(200)), .text(Provider.delta("b", finish: "stop")),
      .end,
    ]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        let texts = await withTaskGroup(of: String.self) { group in
          for _ in 0..<20 { group.addTask { await Provider.ask(model).text } }
          return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(texts == Array(repeating: "ab", count: 20))
      }
      #expect(server.state.opened == 20)
    }
  }

  @Test(
    "an address is read as it is written",
    arguments: [
      ("http://127.0.0.1:11434/v1", "127.0.0.1", 11434, false, "127.0.0.1:11434", "/v1"),
      ("https://api.example.com/v1", "api.example.com", 443, true, "api.example.com", "/v1"),
      ("http://[::1]:8080", "::1", 8080, false, "[::1]:8080", ""),
      ("https://example.com/a/b", "example.com", 443, true, "example.com", "/a/b"),
    ])
  func addresses(
    url: String, host: String, port: Int, isTLS: Bool, authority: String, prefix: String
  ) throws {
    let address = try #require(ProviderConnections.Address(url))
    #expect(address.host == host)
    #expect(address.port == port)
    #expect(address.isTLS == isTLS)
    #expect(address.authority == authority)
    #expect(address.prefix == prefix)
  }
}
