import Application
import Domain
import NIOCore
import NIOHTTP1
import Testing

@testable import LanguageModels

@Suite("A failing OpenAI-compatible provider")
struct OpenAICompatibleFailureTests {
  private typealias Configuration = HTTPLanguageModel.Configuration

  enum Kind: Sendable { case unavailable, overloaded, misconfigured, rejected, tooLong, broken }

  private func kind(_ failure: ModelFailure?) -> Kind? {
    switch failure {
    case .unavailable: .unavailable
    case .overloaded: .overloaded
    case .misconfigured: .misconfigured
    case .rejected: .rejected
    case .tooLong: .tooLong
    case .broken: .broken
    case .exhausted, .cancelled, nil: nil
    }
  }

  private func words(_ failure: ModelFailure?) -> String {
    switch failure {
    case .unavailable(let words), .overloaded(let words, _), .misconfigured(let words), .exhausted(let words),
      .rejected(let words), .tooLong(let words), .broken(let words):
      words
    case .cancelled, nil: ""
    }
  }

  @Test(
    "an error status says what it means, and nothing that the provider wrote",
    arguments: [
      (HTTPResponseStatus.badRequest, Kind.rejected), (.payloadTooLarge, .rejected), (.unauthorized, .misconfigured),
      (.forbidden, .misconfigured), (.notFound, .misconfigured), (.tooManyRequests, .overloaded),
      (.internalServerError, .unavailable), (.serviceUnavailable, .unavailable), (.noContent, .broken),
    ])
  func statuses(status: HTTPResponseStatus, expected: Kind) async throws {
    let log = LogLines()
    let body = #"{"error":{"message":"\#(secretKey), the prompt: How high?","type":"some_type","code":null}}"#
    let steps: [LoopbackHTTPServer.Step] =
      status == .noContent ? [.head(status, [:]), .end] : [.head(status, [:]), .text(body), .end]
    let outcome = try await Provider.outcome(of: steps, log: log)
    #expect(kind(outcome.failure) == expected)
    #expect(outcome.texts == [])
    for text in [words(outcome.failure), String(reflecting: outcome.failure), log.text] {
      #expect(!text.contains(secretKey) && !text.contains("How high?") && !text.contains("the prompt"))
    }
    #expect(log.text.contains("local"))
  }

  @Test("a refused request shows the provider's short code")
  func code() async throws {
    let outcome = try await Provider.outcome(of: [
      .head(.badRequest, [:]), .text(#"{"error":{"message":"no","code":"unsupported_parameter"}}"#), .end,
    ])
    #expect(outcome.failure == .rejected("the model local refuses this request (400, unsupported_parameter)"))
  }

  @Test("a request that the provider finds too long is told apart")
  func tooLong() async throws {
    for (field, code) in [("code", "context_length_exceeded"), ("type", "exceed_context_size_error")] {
      let outcome = try await Provider.outcome(of: [
        .head(.badRequest, [:]), .text(#"{"error":{"message":"too long","\#(field)":"\#(code)"}}"#), .end,
      ])
      #expect(outcome.failure == .tooLong("the model local refuses this request (400, \(code))"))
    }
  }

  @Test(
    "what is no plain code is not shown",
    arguments: [
      #"{"error":"nope"}"#, #"{"error":{"code":400,"type":"See http://evil.example/?q=How high?"}}"#, "<html>", "",
      #"{"error":{"code":"\#(secretKey)"}}"#,
    ])
  func noCode(body: String) async throws {
    let outcome = try await Provider.outcome(of: [.head(.badRequest, [:]), .text(body), .end])
    #expect(outcome.failure == .rejected("the model local refuses this request (400)"))
  }

  @Test(
    "garbage in the stream breaks the reply",
    arguments: [
      "data: {\"choices\":\n\n", "data: hello\n\n", "data: []\n\n", "data: {}\n\n",
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":5}}]}\n\n",
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":3}}\n\n",
    ])
  func garbage(event: String) async throws {
    let outcome = try await Provider.outcome(
      of: [.head(.ok), .text(Provider.delta("a")), .text(event), .text(Provider.done), .end])
    #expect(outcome.text == "a")
    #expect(kind(outcome.failure) == .broken)
  }

  @Test("bytes that are not UTF-8 break the reply")
  func notUTF8() async throws {
    let outcome = try await Provider.outcome(
      of: [.head(.ok), .bytes(Array("data: ".utf8) + [0xFF, 0xFE, 0x0A, 0x0A]), .end])
    #expect(outcome.failure == .broken("the model local sent what is not UTF-8"))
  }

  @Test("an answer that is no stream of events breaks the reply")
  func noStream() async throws {
    let outcome = try await Provider.outcome(
      of: [.head(.ok, ["content-type": "text/html"]), .text("<html>"), .end])
    #expect(outcome.failure == .broken("the model local did not answer with a stream of events"))
  }

  @Test("an error within the stream breaks the reply, without its words", arguments: ["", "event: error\n"])
  func errorEvent(prefix: String) async throws {
    let log = LogLines()
    let outcome = try await Provider.outcome(
      of: [
        .head(.ok), .text(Provider.delta("a")), .text(prefix + "data: {\"error\":{\"message\":\"\(secretKey)\"}}\n\n"),
        .end,
      ], log: log)
    #expect(outcome.text == "a")
    #expect(outcome.failure == .broken("the model local failed half-way"))
    #expect(!log.text.contains(secretKey))
  }

  @Test(
    "a stream that stops without an end breaks the reply",
    arguments: [
      [LoopbackHTTPServer.Step.end], [.close], [.text(Provider.done), .end], [.text("data: {\"choi"), .end],
    ])
  func halfWay(steps: [LoopbackHTTPServer.Step]) async throws {
    let outcome = try await Provider.outcome(of: [.head(.ok), .text(Provider.delta("a"))] + steps)
    #expect(outcome.text == "a")
    #expect(outcome.failure == .broken("the model local broke off its reply"))
  }

  @Test("tools that nobody offered, and a content filter, end the reply with their reason")
  func otherEnds() async throws {
    let tool = try await Provider.outcome(of: [.head(.ok), .text(Provider.delta("", finish: "tool_calls")), .end])
    #expect(kind(tool.failure) == .broken)
    let filter = try await Provider.outcome(of: [.head(.ok), .text(Provider.delta("", finish: "content_filter")), .end])
    #expect(kind(filter.failure) == .rejected)
  }

  @Test("an event over the limit breaks the reply; one at the limit does not")
  func hugeEvent() async throws {
    var limits = Configuration.Limits()
    let event = Provider.delta(String(repeating: "x", count: 5_000), finish: "stop")
    limits.eventBytes = event.utf8.count - 2
    let fits = try await Provider.outcome(of: [.head(.ok), .text(event), .end], limits: limits)
    #expect(fits.text.count == 5_000)
    limits.eventBytes -= 1
    let tooLong = try await Provider.outcome(of: [.head(.ok), .text(event), .end], limits: limits)
    #expect(tooLong.failure == .broken("the model local sent an event that is too long"))
  }

  @Test("an answer over the limit breaks the reply, and closes the connection")
  func hugeAnswer() async throws {
    var limits = Configuration.Limits()
    limits.responseBytes = 10_000
    let steps: [LoopbackHTTPServer.Step] = [.head(.ok), .flood(Array(Provider.delta("xxxx").utf8), times: 1_000_000)]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL, limits: limits)) { model in
        let outcome = await Provider.ask(model)
        #expect(outcome.failure == .broken("the model local sent more than the limit for a reply"))
        #expect(outcome.text.utf8.count < 10_000)
        let hasClosed = try await server.wait { $0.closed == 1 }
        #expect(hasClosed)
      }
    }
  }

  @Test("a redirect is not followed, so the key goes nowhere else")
  func redirect() async throws {
    try await LoopbackHTTPServer.run({ _ in [.head(.ok), .end] }) { other in
      let steps: [LoopbackHTTPServer.Step] = [
        .head(.temporaryRedirect, ["location": other.baseURL + "/chat/completions"]), .end,
      ]
      let outcome = try await Provider.outcome(of: steps)
      #expect(kind(outcome.failure) == .misconfigured)
      #expect(other.state.requests.isEmpty)
    }
  }

  @Test("nobody at the address is unavailable")
  func refused() async throws {
    let url = try await LoopbackHTTPServer.run({ _ in [] }) { $0.baseURL }
    let outcome = try await Provider.withModel(try Provider.configuration(url)) { await Provider.ask($0) }
    #expect(outcome.failure == .unavailable("the provider of the model local cannot be reached"))
  }

  @Test("a connection that is closed without an answer is unavailable")
  func closed() async throws {
    #expect(kind(try await Provider.outcome(of: [.close]).failure) == .unavailable)
  }

  @Test("no first text in time is unavailable, before and after the head", arguments: [false, true])
  func slowStart(sendsHead: Bool) async throws {
    var timeouts = Configuration.Timeouts()
    timeouts.firstToken = .seconds(1)
    let steps: [LoopbackHTTPServer.Step] = sendsHead ? [.head(.ok), .text(": wait\n\n")] : []
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL, timeouts: timeouts)) { model in
        let outcome = await Provider.ask(model)
        #expect(outcome.failure == .unavailable("the model local did not begin to reply in time"))
        let hasClosed = try await server.wait { $0.closed == $0.opened }
        #expect(hasClosed)
      }
    }
  }

  @Test("a gap that is too long breaks the reply")
  func gap() async throws {
    var timeouts = Configuration.Timeouts()
    timeouts.gap = .milliseconds(300)
    let stalled = try await Provider.outcome(of: [.head(.ok), .text(Provider.delta("a"))], timeouts: timeouts)
    #expect(stalled.text == "a")
    #expect(stalled.failure == .broken("the model local stopped replying"))
  }

  @Test("the reader's own time is no gap")
  func slowReader() async throws {
    var timeouts = Configuration.Timeouts()
    timeouts.gap = .seconds(3)
    let steps: [LoopbackHTTPServer.Step] = [
      .head(.ok), .text(Provider.delta("a")), .pause(.seconds(4)), .text(Provider.delta("b", finish: "stop")), .end,
    ]
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL, timeouts: timeouts)) { model in
        let outcome = await Provider.ask(model) { text throws(ModelFailure) in
          guard text == "a" else { return }
          do { try await Task.sleep(for: .seconds(5)) } catch { throw .cancelled }
        }
        #expect(outcome.failure == nil)
        #expect(outcome.text == "ab")
      }
    }
  }

  @Test("a reply that never ends is ended")
  func whole() async throws {
    var timeouts = Configuration.Timeouts()
    timeouts.whole = .seconds(3)
    let drip = (0..<1_000).flatMap { _ in
      [LoopbackHTTPServer.Step.text(Provider.delta("a")), .pause(.milliseconds(50))]
    }
    let outcome = try await Provider.outcome(of: [.head(.ok)] + drip, timeouts: timeouts)
    #expect(outcome.failure == .broken("the model local took too long to finish its reply"))
  }

  @Test("what the reader throws ends the call and comes back, and the connection closes")
  func readerFails() async throws {
    try await LoopbackHTTPServer.run({ _ in [.head(.ok), .text(Provider.delta("a"))] }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        let outcome = await Provider.ask(model) { _ throws(ModelFailure) in throw .rejected("enough") }
        #expect(outcome.failure == .rejected("enough"))
        let hasClosed = try await server.wait { $0.closed == 1 }
        #expect(hasClosed)
      }
    }
  }

  @Test(
    "cancelling the task closes the connection, whatever it waits for",
    arguments: [[], [LoopbackHTTPServer.Step.head(.ok)], [.head(.ok), .text(Provider.delta("a"))]])
  func cancelled(steps: [LoopbackHTTPServer.Step]) async throws {
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        let task = Task { await Provider.ask(model) }
        let hasAsked = try await server.wait { $0.requests.count == 1 }
        #expect(hasAsked)
        // The call may be in any state by now; a moment lets what was sent arrive.
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        #expect(await task.value.failure == .cancelled)
        let hasClosed = try await server.wait { $0.closed == 1 }
        #expect(hasClosed)
      }
    }
  }

  @Test("a task that is cancelled before it begins asks nobody")
  func cancelledBefore() async throws {
    try await LoopbackHTTPServer.run({ _ in [.head(.ok)] }) { server in
      try await Provider.withModel(try Provider.configuration(server.baseURL)) { model in
        let task = Task {
          // Not before it is cancelled.
          try? await Task.sleep(for: .seconds(60))
          return await Provider.ask(model)
        }
        task.cancel()
        #expect(await task.value.failure == .cancelled)
      }
      #expect(server.state.requests.isEmpty)
    }
  }
}
