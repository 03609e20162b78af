import Application
import AsyncHTTPClient
import Domain
import Egress
import LanguageModels
import Logging
import NIOCore
import Settings

/// Language models from configuration.
enum Providers {
  /// All models by name, each behind its limit and its breaker: the built-in one, the configured ones and the routes.
  ///
  /// - Parameter cache: keeps the replies of all but the built-in one, which costs nothing to ask; `nil` keeps none.
  static func registry(
    _ configuration: ModelTargets, builtIn: any LanguageModel, providers: [HTTPLanguageModel],
    cache: ResponseCache? = nil
  ) -> LanguageModelRegistry {
    let clock = RouteClock.system
    var ends: [String: ModelRouteTarget] = [:]
    let builtIn = ObservedLanguageModel(builtIn)
    var models: [any LanguageModel] = [builtIn]
    for (target, model) in zip(configuration.targets, providers) {
      var breaker = CircuitBreaker.Settings()
      breaker.threshold = target.failureThreshold
      breaker.openTime = target.restTime
      let slots = CallSlots(
        name: target.name, limit: target.concurrency, queue: target.queue, patience: target.queueTimeout)
      let end = ModelRouteTarget(model: ObservedLanguageModel(model), slots: slots, breaker: breaker)
      ends[target.name] = end
      models.append(ModelRoute(name: target.name, targets: [end], rounds: target.attempts, clock: clock))
    }
    // The built-in model works in this process: it does not fail as a provider does, and takes as many calls as come.
    ends[builtIn.name] = ModelRouteTarget(
      model: builtIn, slots: CallSlots(name: builtIn.name, limit: .max, queue: 0))
    for route in configuration.routes {
      models.append(
        ModelRoute(
          name: route.name, targets: route.targets.compactMap { ends[$0] },
          order: route.strategy == .weighted ? .weighted(route.weights) : .listed, rounds: route.attempts,
          clock: clock))
    }
    if let cache { models = [builtIn] + models.dropFirst().map { CachedLanguageModel($0, cache: cache) } }
    return LanguageModelRegistry(models: models, defaultName: configuration.defaultName)
  }

  /// Where replies are kept.
  static func cache(_ configuration: ServerConfiguration.ResponseCacheSettings) -> ResponseCache {
    var settings = ResponseCache.Settings()
    settings.maximumBytes = configuration.maximumBytes
    settings.maximumEntryBytes = configuration.maximumEntryBytes
    settings.timeToLive = configuration.timeToLive
    return ResponseCache(settings)
  }

  /// The client of one configured model.
  static func make(
    _ target: ModelTarget, egress: HTTPClient.Configuration, logger: Logger
  ) throws -> HTTPLanguageModel {
    var timeouts = HTTPLanguageModel.Configuration.Timeouts()
    timeouts.connect = target.connectTimeout
    timeouts.firstToken = target.firstTokenTimeout
    timeouts.gap = target.gapTimeout
    timeouts.whole = target.wholeTimeout
    let dialect: HTTPLanguageModel.Dialect =
      switch target.provider {
      case .openai: .openAI
      case .anthropic: .anthropic
      case .gemini: .gemini
      }
    return try HTTPLanguageModel(
      HTTPLanguageModel.Configuration(
        name: target.name, dialect: dialect, baseURL: target.baseURL, model: target.model,
        profile: target.profile, keys: try keys(target.key, of: target.name, in: "models"),
        timeouts: timeouts),
      connections: EgressHTTPClient.guarding(egress, try reach(of: target.baseURL)), logger: logger)
  }

  /// The client of a reranker.
  static func reranker(
    _ reranker: ServerConfiguration.Reranker, clients: EgressClients, logger: Logger
  ) throws -> any Reranker {
    let key = reranker.apiKey.map { ProviderKey($0.reveal()) }
    if case .some(nil) = key {
      throw CommandFailure(.usage, "retrieval.reranker.apiKey holds a character that no key has")
    }
    let milliseconds = Int64(reranker.timeout / .milliseconds(1))
    return HTTPReranker(
      HTTPReranker.Configuration(
        baseURL: reranker.baseURL, model: reranker.model, key: key ?? nil, timeout: .milliseconds(milliseconds)),
      client: clients[reach: try reach(of: reranker.baseURL)], logger: logger)
  }

  /// The client of an embedding model.
  static func embedder(
    _ endpoint: EmbeddingEndpoint, clients: EgressClients, logger: Logger
  ) throws -> HTTPEmbedder {
    var configuration = vectorConfiguration(endpoint)
    configuration.keys = try keys(endpoint.key, of: endpoint.name, in: "embedding.endpoints")
    configuration.timeout = .milliseconds(Int64(endpoint.timeout / .milliseconds(1)))
    configuration.maximumTexts = endpoint.batchSize
    configuration.maximumAttempts = endpoint.attempts
    return HTTPEmbedder(
      configuration, client: clients[reach: try reach(of: endpoint.baseURL)], logger: logger)
  }

  /// The name that the vectors of an embedding model are kept under.
  static func vectors(of endpoint: EmbeddingEndpoint) -> String { vectorConfiguration(endpoint).name }

  /// All that decides which vectors an embedding model makes.
  private static func vectorConfiguration(_ endpoint: EmbeddingEndpoint) -> HTTPEmbedder.Configuration {
    var configuration = HTTPEmbedder.Configuration(
      baseURL: endpoint.baseURL, model: endpoint.model, dimensions: endpoint.dimensions)
    configuration.asksForDimensions = endpoint.shorten
    configuration.questionPrefix = endpoint.questionPrefix
    configuration.passagePrefix = endpoint.passagePrefix
    return configuration
  }

  /// How far connections to a base URL may lead; it was checked when it was read.
  private static func reach(of baseURL: String) throws -> EgressReach {
    EgressReach.configured(try WebAddress(baseURL).host)
  }

  private static func keys(
    _ key: ModelTarget.Key, of name: String, in section: String
  ) throws -> any ProviderKeySource {
    switch key {
    case .none: return FixedKey(nil)
    case .fixed(let secret):
      guard let key = ProviderKey(secret.reveal()) else {
        throw CommandFailure(.usage, "\(section).\(name).apiKey holds a character that no key has")
      }
      return FixedKey(key)
    case .file(let path): return KeyFile(path: path, model: name)
    case .command(let words): return KeyCommand(words, model: name)
    }
  }
}
