package import Application
package import AsyncHTTPClient
import Domain
import FoundationEssentials
package import Logging
package import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// A reranking model behind `POST …/rerank`, as Cohere, Jina, vLLM, llama.cpp's server and Infinity have it.
///
/// Source: https://docs.cohere.com/reference/rerank and https://github.com/vllm-project/vllm (rerank API).
package struct HTTPReranker: Reranker {
  /// Where the model is and what it may take.
  package struct Configuration: Sendable {
    /// The address up to and without `/rerank`, such as `http://127.0.0.1:8012/v1`, without a slash at the end.
    package let baseURL: String
    /// The model's name there.
    package let model: String
    /// Sent as a bearer token; `nil` sends none.
    package let key: ProviderKey?
    /// How long one call may take.
    package let timeout: TimeAmount
    /// The most bytes of an answer.
    package static let maximumResponseBytes = 1 << 20
    /// The most characters of a passage that are sent: models read some hundred words, and refuse far more.
    package static let maximumPassageLength = 8_000

    /// Makes a configuration.
    package init(baseURL: String, model: String, key: ProviderKey?, timeout: TimeAmount) {
      self.baseURL = baseURL
      self.model = model
      self.key = key
      self.timeout = timeout
    }
  }

  private let configuration: Configuration
  private let client: HTTPClient
  private let logger: Logger

  /// Makes a reranker that calls through `client`, which must not follow redirects.
  ///
  /// - Parameter logger: gets one line for each failed call: the reason, and no content.
  package init(_ configuration: Configuration, client: HTTPClient, logger: Logger) {
    self.configuration = configuration
    self.client = client
    self.logger = logger
  }

  package func scores(
    of passages: [String], for question: String
  ) async throws(RerankingFailure) -> [Double] {
    guard !passages.isEmpty else { return [] }
    do {
      return try await judge(passages, question)
    } catch {
      // A cancelled call comes back as one of several errors of the client.
      if Task.isCancelled { throw .cancelled }
      let reason = (error as? RerankingFailure) ?? .unavailable("the reranker cannot be reached in time")
      logger.warning("passages were not reranked", metadata: ["reason": "\(reason)"])
      throw reason
    }
  }

  private func judge(_ passages: [String], _ question: String) async throws -> [Double] {
    let body = RerankRequest(
      model: configuration.model, query: question,
      documents: passages.map { String($0.prefix(Configuration.maximumPassageLength)) }, top_n: passages.count)
    var call = HTTPClientRequest(url: configuration.baseURL + "/rerank")
    call.method = .POST
    call.headers = ["content-type": "application/json", "accept": "application/json", "user-agent": "opentier"]
    if let key = configuration.key { call.headers.add(name: "authorization", value: "Bearer \(key.secret)") }
    call.body = .bytes(ByteBuffer(data: try JSONEncoder().encode(body)))
    let response = try await client.execute(call, timeout: configuration.timeout)
    guard response.status == .ok else {
      throw RerankingFailure.unavailable("the reranker answers with the status \(response.status.code)")
    }
    let answer: ByteBuffer
    do {
      answer = try await response.body.collect(upTo: Configuration.maximumResponseBytes)
    } catch is NIOTooManyBytesError {
      throw RerankingFailure.unavailable("the reranker sent more than the limit for an answer")
    }
    guard let results = try? JSONDecoder().decode(RerankResponse.self, from: answer).results,
      let scores = Self.scores(results, count: passages.count)
    else { throw RerankingFailure.unavailable("the reranker did not judge each passage once") }
    return scores
  }

  /// The scores in the order of the passages; `nil` unless each has one that is a number.
  private static func scores(_ results: [RerankResponse.Result], count: Int) -> [Double]? {
    var scores = [Double?](repeating: nil, count: count)
    for result in results {
      guard scores.indices.contains(result.index), scores[result.index] == nil, result.relevance_score.isFinite else {
        return nil
      }
      scores[result.index] = result.relevance_score
    }
    let all = scores.compactMap(\.self)
    return all.count == count ? all : nil
  }
}

/// What is sent.
private struct RerankRequest: Encodable {
  let model: String
  let query: String
  let documents: [String]
  let top_n: Int
}

/// What comes back.
private struct RerankResponse: Decodable {
  struct Result: Decodable {
    let index: Int
    let relevance_score: Double
  }

  let results: [Result]
}
