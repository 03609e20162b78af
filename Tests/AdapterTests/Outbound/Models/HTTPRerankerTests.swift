import Application
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import LanguageModels

@Suite("A reranker over HTTP")
struct HTTPRerankerTests {
  private static func outcome(
    _ steps: [LoopbackHTTPServer.Step], passages: [String] = ["first", "second"], timeout: TimeAmount = .seconds(5)
  ) async throws -> (
    scores: [Double]?, failure: RerankingFailure?, requests: [LoopbackHTTPServer.Request], log: LogLines
  ) {
    let log = LogLines()
    return try await LoopbackHTTPServer.run({ _ in steps }) { server in
      let reranker = HTTPReranker(
        HTTPReranker.Configuration(
          baseURL: server.baseURL, model: "judge", key: ProviderKey(secretKey), timeout: timeout),
        client: .shared, logger: log.logger)
      do throws(RerankingFailure) {
        let scores = try await reranker.scores(of: passages, for: "How high?")
        return (scores, nil, server.state.requests, log)
      } catch {
        return (nil, error, server.state.requests, log)
      }
    }
  }

  private static func json(_ text: String) -> [LoopbackHTTPServer.Step] {
    [.head(.ok, ["content-type": "application/json"]), .text(text), .end]
  }

  @Test("the question and the passages are sent, and the scores come back in the passages' order")
  func scores() async throws {
    let outcome = try await Self.outcome(
      Self.json(
        #"{"id":"x","results":[{"index":1,"relevance_score":0.9,"document":{"text":"second"}},{"index":0,"relevance_score":-3}]}"#
      ))
    #expect(outcome.scores == [-3, 0.9])
    let request = try #require(outcome.requests.first)
    #expect(request.uri == "/v1/rerank")
    #expect(request.headers.first(name: "authorization") == "Bearer \(secretKey)")
    let body = try #require(try JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any])
    #expect(body["query"] as? String == "How high?")
    #expect(body["documents"] as? [String] == ["first", "second"])
    #expect(body["model"] as? String == "judge")
    #expect(body["top_n"] as? Int == 2)
  }

  @Test(
    "an answer that does not judge each passage once is a failure",
    arguments: [
      #"{"results":[{"index":0,"relevance_score":1}]}"#,
      #"{"results":[{"index":0,"relevance_score":1},{"index":0,"relevance_score":1}]}"#,
      #"{"results":[{"index":0,"relevance_score":1},{"index":2,"relevance_score":1}]}"#,
      #"{"results":[{"index":0,"relevance_score":1},{"index":-1,"relevance_score":1}]}"#,
      #"{"results":[{"index":0},{"index":1}]}"#, #"[]"#, "no JSON", "",
    ])
  func broken(_ answer: String) async throws {
    let outcome = try await Self.outcome(Self.json(answer))
    #expect(outcome.scores == nil)
    #expect(outcome.failure == .unavailable("the reranker did not judge each passage once"))
    #expect(outcome.log.text.contains("not reranked"))
  }

  @Test("an error status, a flood and silence are failures, and no log holds the question or the key")
  func failures() async throws {
    let status = try await Self.outcome([.head(.tooManyRequests, [:]), .text("How high? \(secretKey)"), .end])
    #expect(status.failure == .unavailable("the reranker answers with the status 429"))
    let flood = try await Self.outcome([
      .head(.ok, ["content-type": "application/json"]), .flood(Array(repeating: 32, count: 1 << 16), times: 17), .end,
    ])
    #expect(flood.failure == .unavailable("the reranker sent more than the limit for an answer"))
    let silence = try await Self.outcome([.pause(.seconds(20)), .end], timeout: .milliseconds(200))
    #expect(silence.failure == .unavailable("the reranker cannot be reached in time"))
    for outcome in [status, flood, silence] {
      #expect(!outcome.log.text.contains("How high?") && !outcome.log.text.contains(secretKey))
    }
  }

  @Test("without a passage nobody is asked, and a long one is cut")
  func sizes() async throws {
    let none = try await Self.outcome(Self.json("{}"), passages: [])
    #expect(none.scores == [] && none.requests.isEmpty)
    let long = try await Self.outcome(
      Self.json(#"{"results":[{"index":0,"relevance_score":1}]}"#),
      passages: [String(repeating: "a", count: HTTPReranker.Configuration.maximumPassageLength + 1)])
    let request = try #require(long.requests.first)
    let body = try #require(try JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any])
    #expect((body["documents"] as? [String])?.first?.count == HTTPReranker.Configuration.maximumPassageLength)
  }
}
