import Application
import AsyncHTTPClient
import Domain
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import LanguageModels

@Suite("An embedder over HTTP")
struct HTTPEmbedderTests {
  /// What came of one call.
  private struct Outcome {
    let embeddings: [Embedding]?
    let failure: EmbeddingFailure?
    let requests: [LoopbackHTTPServer.Request]
    let log: LogLines

    /// The texts of each request.
    var inputs: [[String]] {
      requests.compactMap { request in
        (try? JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any])?["input"] as? [String]
      }
    }
  }

  private static func outcome(
    of texts: [String], as purpose: EmbeddingPurpose = .passage, again: Int = 0,
    configure: (inout HTTPEmbedder.Configuration) -> Void = { _ in },
    _ answer: @escaping @Sendable (LoopbackHTTPServer.Request) -> [LoopbackHTTPServer.Step]
  ) async throws -> Outcome {
    let log = LogLines()
    return try await LoopbackHTTPServer.run(answer) { server in
      var configuration = HTTPEmbedder.Configuration(baseURL: server.baseURL, model: "vectors", dimensions: 2)
      configuration.keys = FixedKey(ProviderKey(secretKey))
      configuration.firstDelay = .milliseconds(1)
      configuration.timeout = .seconds(5)
      configure(&configuration)
      let embedder = HTTPEmbedder(configuration, client: .shared, logger: log.logger)
      for _ in 0..<again { _ = try? await embedder.embed(texts, as: purpose) }
      do throws(EmbeddingFailure) {
        let embeddings = try await embedder.embed(texts, as: purpose)
        return Outcome(embeddings: embeddings, failure: nil, requests: server.state.requests, log: log)
      } catch {
        return Outcome(embeddings: nil, failure: error, requests: server.state.requests, log: log)
      }
    }
  }

  private static func json(_ text: String) -> [LoopbackHTTPServer.Step] {
    [.head(.ok, ["content-type": "application/json"]), .text(text), .end]
  }

  /// Answers each text with a vector of its length in characters.
  private static func lengths(_ request: LoopbackHTTPServer.Request) -> [LoopbackHTTPServer.Step] {
    let body = (try? JSONSerialization.jsonObject(with: Data(request.body))) as? [String: Any]
    let items = ((body?["input"] as? [String]) ?? []).enumerated().map { index, text in
      #"{"object":"embedding","index":\#(index),"embedding":[\#(text.count),0]}"#
    }
    return json(#"{"object":"list","data":["# + items.reversed().joined(separator: ",") + "]}")
  }

  @Test("texts are sent, and their vectors come back in the texts' order and as long as 1")
  func vectors() async throws {
    let outcome = try await Self.outcome(of: ["first", "second"]) { _ in
      Self.json(
        #"{"object":"list","data":[{"object":"embedding","index":1,"embedding":[0,-2]},"#
          + #"{"object":"embedding","index":0,"embedding":[3,4]}],"model":"vectors","usage":{"prompt_tokens":2}}"#)
    }
    #expect(outcome.embeddings == [Embedding([0.6, 0.8]), Embedding([0, -1])])
    let request = try #require(outcome.requests.first)
    #expect(request.uri == "/v1/embeddings")
    #expect(request.headers.first(name: "authorization") == "Bearer \(secretKey)")
    let body = try #require(try JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any])
    #expect(body["model"] as? String == "vectors")
    #expect(body["input"] as? [String] == ["first", "second"])
    #expect(body["encoding_format"] as? String == "float")
    #expect(body["dimensions"] == nil)
  }

  @Test("a model that wants to be told gets its prefixes and the width that is asked for; both are part of its name")
  func prefixes() async throws {
    for (purpose, expected) in [(EmbeddingPurpose.question, "query: a"), (.passage, "passage: a")] {
      let outcome = try await Self.outcome(of: ["a"], as: purpose) {
        $0.questionPrefix = "query: "
        $0.passagePrefix = "passage: "
        $0.asksForDimensions = true
      } _: {
        Self.lengths($0)
      }
      #expect(outcome.inputs == [[expected]])
      let request = try #require(outcome.requests.first)
      let body = try #require(try JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any])
      #expect(body["dimensions"] as? Int == 2)
    }
    var configuration = HTTPEmbedder.Configuration(baseURL: "http://h/v1", model: "m", dimensions: 2)
    #expect(configuration.name == "m")
    configuration.asksForDimensions = true
    configuration.passagePrefix = "passage: "
    #expect(configuration.name == "m/2 (|passage: )")
  }

  @Test("many texts go in several calls, and none in none")
  func batches() async throws {
    let texts = (1...5).map { String(repeating: "a", count: $0) }
    let outcome = try await Self.outcome(of: texts) {
      $0.maximumTexts = 2
    } _: {
      Self.lengths($0)
    }
    #expect(outcome.inputs.map(\.count) == [2, 2, 1])
    #expect(outcome.embeddings?.count == 5)
    let none = try await Self.outcome(of: []) { Self.lengths($0) }
    #expect(none.embeddings == [] && none.requests.isEmpty)
  }

  @Test(
    "an answer that is not one vector a text is a failure",
    arguments: [
      #"{"data":[{"index":0,"embedding":[1,0]}]}"#,
      #"{"data":[{"index":0,"embedding":[1,0]},{"index":0,"embedding":[1,0]}]}"#,
      #"{"data":[{"index":0,"embedding":[1,0]},{"index":2,"embedding":[1,0]}]}"#,
      #"{"data":[{"index":0,"embedding":[1,0]},{"index":-1,"embedding":[1,0]}]}"#,
      #"{"data":[{"index":0,"embedding":[1,0]},{"index":1,"embedding":[0,0]}]}"#,
      #"{"data":[{"index":0,"embedding":[1,0]},{"index":1,"embedding":"AAAA"}]}"#, "[]", "no JSON", "",
    ])
  func broken(_ answer: String) async throws {
    let outcome = try await Self.outcome(of: ["first", "second"]) { _ in Self.json(answer) }
    guard case .unavailable? = outcome.failure else {
      Issue.record("no failure: \(String(describing: outcome.failure))")
      return
    }
    #expect(outcome.requests.count == 1)
  }

  @Test("vectors of another width than is configured are named as what they are")
  func width() async throws {
    let outcome = try await Self.outcome(of: ["a"]) { _ in Self.json(#"{"data":[{"index":0,"embedding":[1,0,0]}]}"#) }
    #expect(
      outcome.failure
        == .unavailable(
          "the embedding model vectors gives vectors of 3 components, and its dimensions are configured as 2"))
  }

  @Test("passages are tried again while the provider is overloaded or away; a question is not")
  func retries() async throws {
    for status in [HTTPResponseStatus.tooManyRequests, .serviceUnavailable, .internalServerError] {
      let count = Counter()
      let outcome = try await Self.outcome(of: ["a"]) { request in
        count.next() < 3 ? [.head(status, ["retry-after": "0"]), .end] : Self.lengths(request)
      }
      #expect(outcome.embeddings == [Embedding([1, 0])])
      #expect(outcome.requests.count == 3)
    }
    let passages = try await Self.outcome(of: ["a"]) { _ in [.head(.badGateway, [:]), .end] }
    #expect(passages.requests.count == 5)
    let question = try await Self.outcome(of: ["a"], as: .question) { _ in [.head(.badGateway, [:]), .end] }
    #expect(question.requests.count == 1)
    let refused = try await Self.outcome(of: ["a"]) { _ in [.head(.unauthorized, [:]), .end] }
    #expect(refused.failure == .unavailable("the provider of the model vectors refuses this server's key"))
    #expect(refused.requests.count == 1)
  }

  @Test("a provider that fails question after question is left alone for a while")
  func breaker() async throws {
    let outcome = try await Self.outcome(of: ["a"], as: .question, again: 9) {
      $0.breaker.threshold = 4
    } _: { _ in
      [.head(.internalServerError, [:]), .end]
    }
    #expect(outcome.requests.count == 4)
    #expect(outcome.failure == .unavailable("the provider of the embedding model vectors is left alone for a while"))
  }

  @Test("texts that are refused together are tried one by one, and too long a text is cut")
  func refused() async throws {
    let limit = 1_200
    let texts = [String(repeating: "a", count: 4_000), "short", String(repeating: "b", count: 1_200)]
    let outcome = try await Self.outcome(of: texts) { request in
      let body = (try? JSONSerialization.jsonObject(with: Data(request.body))) as? [String: Any]
      let isTooLong = ((body?["input"] as? [String]) ?? []).contains { $0.count > limit }
      return isTooLong ? [.head(.badRequest, [:]), .text("too long"), .end] : Self.lengths(request)
    }
    #expect(outcome.embeddings?.count == 3)
    #expect(outcome.inputs.map { $0.map(\.count) } == [[4_000, 5, 1_200], [5], [1_200], [4_000], [2_000], [1_000]])
    // What refuses even the shortest is not a matter of length.
    let hopeless = try await Self.outcome(of: texts) { _ in [.head(.badRequest, [:]), .end] }
    #expect(hopeless.failure == .rejected("the model vectors refuses this request (400)"))
    #expect(hopeless.requests.count == 2)
  }

  @Test("a flood and silence are failures, and no log holds a text or the key")
  func failures() async throws {
    let flood = try await Self.outcome(of: ["a secret text"]) { _ in
      [.head(.ok, ["content-type": "application/json"]), .flood(Array(repeating: 32, count: 1 << 16), times: 3), .end]
    }
    #expect(flood.failure == .unavailable("the model vectors sent more than the limit for an answer"))
    let silence = try await Self.outcome(of: ["a secret text"], as: .question) {
      $0.timeout = .milliseconds(200)
    } _: { _ in
      [.pause(.seconds(20)), .end]
    }
    guard case .unavailable? = silence.failure else {
      Issue.record("no failure: \(String(describing: silence.failure))")
      return
    }
    for outcome in [flood, silence] {
      #expect(outcome.log.text.contains("not embedded"))
      #expect(!outcome.log.text.contains("secret text") && !outcome.log.text.contains(secretKey))
    }
  }
}

/// Counts calls from 1.
private final class Counter: Sendable {
  private let value = Mutex(0)

  func next() -> Int {
    value.withLock { value in
      value += 1
      return value
    }
  }
}
