package import Application
package import AsyncHTTPClient
package import Domain
import FoundationEssentials
package import Logging
package import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Synchronization

/// An embedding model behind `POST …/embeddings`, as OpenAI, vLLM, Ollama, llama.cpp's server and Infinity have it.
///
/// Source: https://platform.openai.com/docs/api-reference/embeddings/create.
package final class HTTPEmbedder: Embedder {
  /// Where the model is and what it may take.
  package struct Configuration: Sendable {
    /// The address up to and without `/embeddings`, such as `http://127.0.0.1:11434/v1`, without a slash at the end.
    package var baseURL: String
    /// The model's name there.
    package var model: String
    /// The components of its vectors, above 0.
    package var dimensions: Int
    /// Whether the model is asked to shorten its vectors to so many.
    package var asksForDimensions = false
    /// What a question begins with, for models that want to be told.
    package var questionPrefix = ""
    /// What a passage begins with.
    package var passagePrefix = ""
    /// Where the key comes from.
    package var keys: any ProviderKeySource = FixedKey(nil)
    /// How long one call may take.
    package var timeout = TimeAmount.seconds(30)
    /// The most texts of one call, above 0.
    package var maximumTexts = 64
    /// How often passages are tried while the provider is overloaded or away; a question is tried once.
    package var maximumAttempts = 5
    /// What is waited before the second attempt, doubled at each further one.
    package var firstDelay: Duration = .milliseconds(500)
    /// Keeps questions from waiting for a provider that is away.
    package var breaker = CircuitBreaker.Settings()

    /// Makes a configuration with the standard limits.
    package init(baseURL: String, model: String, dimensions: Int) {
      self.baseURL = baseURL
      self.model = model
      self.dimensions = dimensions
    }

    /// What the vectors are kept under: all that decides which vectors can be compared with each other.
    package var name: String {
      var name = model
      if asksForDimensions { name += "/\(dimensions)" }
      if !questionPrefix.isEmpty || !passagePrefix.isEmpty { name += " (\(questionPrefix)|\(passagePrefix))" }
      return name
    }
  }

  /// A text that is refused is cut to half as often as this allows, in characters: then its length is not the reason.
  package static let shortestCut = 500
  /// The longest that a provider's wish to be left alone is followed.
  static let maximumDelay: Duration = .seconds(60)

  package let model: EmbeddingModel
  private let configuration: Configuration
  private let client: HTTPClient
  private let logger: Logger
  private let breaker: Mutex<CircuitBreaker>
  private let start = ContinuousClock.now

  /// Makes an embedder that calls through `client`, which must not follow redirects.
  ///
  /// - Parameter logger: gets one line for each failed call: the reason, and no content.
  package init(_ configuration: Configuration, client: HTTPClient, logger: Logger) {
    // The provider's own limit is not known; a text beyond it is cut when it is refused.
    model = EmbeddingModel(name: configuration.name, dimensions: configuration.dimensions, maximumTokens: .max)
    self.configuration = configuration
    self.client = client
    self.logger = logger
    breaker = Mutex(CircuitBreaker(configuration.breaker))
  }

  package func embed(_ texts: [String]) async throws(EmbeddingFailure) -> [Embedding] {
    try await embed(texts, attempts: configuration.maximumAttempts)
  }

  package func embed(
    _ texts: [String], as purpose: EmbeddingPurpose
  ) async throws(EmbeddingFailure) -> [Embedding] {
    switch purpose {
    case .passage:
      return try await embed(
        texts.map { configuration.passagePrefix + $0 }, attempts: configuration.maximumAttempts)
    case .question:
      let now = ContinuousClock.now - start
      if case .waits = breaker.withLock({ $0.admit(at: now) }) {
        throw .unavailable("the provider of the embedding model \(configuration.model) is left alone for a while")
      }
      do throws(EmbeddingFailure) {
        let embeddings = try await embed(texts.map { configuration.questionPrefix + $0 }, attempts: 1)
        breaker.withLock { $0.succeed() }
        return embeddings
      } catch {
        let now = ContinuousClock.now - start
        breaker.withLock { breaker in
          switch error {
          case .unavailable: breaker.fail(at: now)
          case .rejected: breaker.succeed()
          case .cancelled: breaker.abandon(at: now)
          }
        }
        throw error
      }
    }
  }

  private func embed(_ texts: [String], attempts: Int) async throws(EmbeddingFailure) -> [Embedding] {
    var embeddings: [Embedding] = []
    embeddings.reserveCapacity(texts.count)
    var rest = texts[...]
    while !rest.isEmpty {
      let batch = Array(rest.prefix(configuration.maximumTexts))
      rest = rest.dropFirst(batch.count)
      do throws(ModelFailure) { embeddings += try await vectors(of: batch, attempts: attempts) } catch {
        throw EmbeddingFailure(error)
      }
    }
    return embeddings
  }

  /// The vectors of texts for one call. Where they are refused together they are tried one by one, the shortest first:
  /// when even that is refused, their length is not the reason.
  private func vectors(of texts: [String], attempts: Int) async throws(ModelFailure) -> [Embedding] {
    do throws(ModelFailure) { return try await called(texts, attempts: attempts) } catch {
      guard case .rejected = error else { throw error }
    }
    let order = texts.indices.sorted { (texts[$0].utf8.count, $0) < (texts[$1].utf8.count, $1) }
    var found = [Embedding?](repeating: nil, count: texts.count)
    for index in order { found[index] = try await vector(ofRefused: texts[index], attempts: attempts) }
    return found.compactMap(\.self)
  }

  private func vector(ofRefused text: String, attempts: Int) async throws(ModelFailure) -> Embedding {
    var text = text
    while true {
      do throws(ModelFailure) {
        guard let first = try await called([text], attempts: attempts).first else { throw .broken("no vector") }
        return first
      } catch {
        guard case .rejected = error, text.count / 2 >= Self.shortestCut else { throw error }
        text = String(text.prefix(text.count / 2))
      }
    }
  }

  /// One call, made again while the provider is overloaded or away.
  private func called(_ texts: [String], attempts: Int) async throws(ModelFailure) -> [Embedding] {
    var attempt = 1
    while true {
      let failure: ModelFailure
      do throws(ModelFailure) { return try await call(texts) } catch { failure = error }
      var wished: Duration?
      switch failure {
      case .unavailable: break
      case .overloaded(_, let retryAfter): wished = retryAfter
      default: throw failure
      }
      guard attempt < attempts else { throw failure }
      // Calls that failed together shall not come again together.
      let delay = configuration.firstDelay * (1 << (attempt - 1)) * Double.random(in: 0.5...1)
      do {
        try await Task.sleep(for: min(max(delay, wished ?? .zero), Self.maximumDelay))
      } catch {
        throw .cancelled
      }
      attempt += 1
    }
  }

  private func call(_ texts: [String]) async throws(ModelFailure) -> [Embedding] {
    do {
      return try await answer(to: texts)
    } catch {
      // A cancelled call comes back as one of several errors of the client.
      if Task.isCancelled { throw .cancelled }
      let reason = (error as? ModelFailure) ?? failures.connection(error, hasBegun: false)
      logger.warning(
        "texts were not embedded", metadata: ["model": "\(configuration.model)", "reason": "\(reason)"])
      throw reason
    }
  }

  private func answer(to texts: [String]) async throws -> [Embedding] {
    let body = try JSONEncoder().encode(
      EmbeddingRequest(
        model: configuration.model, input: texts, encoding_format: "float",
        dimensions: configuration.asksForDimensions ? configuration.dimensions : nil))
    let (response, _) = try await configuration.keys.answer { key in
      try await client.execute(request(body, key), timeout: configuration.timeout)
    }
    guard response.status == .ok else {
      throw failures.status(
        response.status, code: nil,
        retryAfter: RetryAfter.header(response.headers.first(name: "retry-after"), now: Date()))
    }
    let answer: ByteBuffer
    do {
      // A component takes some 20 characters.
      answer = try await response.body.collect(upTo: (1 << 16) + texts.count * configuration.dimensions * 40)
    } catch is NIOTooManyBytesError {
      throw failures.broken("sent more than the limit for an answer")
    }
    guard let items = try? JSONDecoder().decode(EmbeddingResponse.self, from: answer).data else {
      throw failures.broken("did not answer with vectors")
    }
    return try vectors(items, count: texts.count)
  }

  private func request(_ body: Data, _ key: ProviderKey?) -> HTTPClientRequest {
    var call = HTTPClientRequest(url: configuration.baseURL + "/embeddings")
    call.method = .POST
    call.headers = ["content-type": "application/json", "accept": "application/json", "user-agent": "opentier"]
    if let key { call.headers.add(name: "authorization", value: "Bearer \(key.secret)") }
    call.body = .bytes(ByteBuffer(data: body))
    return call
  }

  /// The vectors in the order of the texts, made as long as 1.
  private func vectors(_ items: [EmbeddingResponse.Item], count: Int) throws(ModelFailure) -> [Embedding] {
    var vectors = [Embedding?](repeating: nil, count: count)
    for item in items {
      guard vectors.indices.contains(item.index), vectors[item.index] == nil else {
        throw failures.broken("did not answer each text with one vector")
      }
      guard item.embedding.count == configuration.dimensions else {
        throw .misconfigured(
          "the embedding model \(configuration.model) gives vectors of \(item.embedding.count) components, and its "
            + "dimensions are configured as \(configuration.dimensions)")
      }
      let length = item.embedding.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      guard length.isFinite, length > 0 else { throw failures.broken("answered with a vector without a direction") }
      vectors[item.index] = Embedding(item.embedding.map { Float(Double($0) / length) })
    }
    let all = vectors.compactMap(\.self)
    guard all.count == count else { throw failures.broken("did not answer each text with one vector") }
    return all
  }

  private var failures: ProviderFailure { ProviderFailure(name: configuration.model) }
}

extension EmbeddingFailure {
  /// What a provider's failure means for the texts: all but a refusal of the texts themselves may pass.
  fileprivate init(_ failure: ModelFailure) {
    switch failure {
    case .cancelled: self = .cancelled
    case .rejected(let why), .tooLong(let why): self = .rejected(why)
    case .unavailable(let why), .misconfigured(let why), .broken(let why), .exhausted(let why),
      .overloaded(let why, _):
      self = .unavailable(why)
    }
  }
}

/// What is sent.
private struct EmbeddingRequest: Encodable {
  let model: String
  let input: [String]
  let encoding_format: String
  let dimensions: Int?
}

/// What comes back.
private struct EmbeddingResponse: Decodable {
  struct Item: Decodable {
    let index: Int
    let embedding: [Float]
  }

  let data: [Item]
}
