import Application
import Domain
import Egress
import Embeddings
import Foundation
import GitRepositories
import InMemoryStorage
import LanguageModels
import Logging
import NIOCore
import SQLiteStorage
import SystemSecurity
import Settings
import TextExtraction

/// The adapters that a configuration asks for, wired to the use cases.
struct Assembly: Sendable {
  let configuration: ServerConfiguration
  let useCases: UseCases
  let world: World
  let embedder: EmbedderSlot
  let embedders: Embedders
  let storage: Storage
  /// The world's extractor.
  let extractions: RememberedExtractions
  private let clients: EgressClients
  private let providers: [HTTPLanguageModel]

  /// Opens what the configuration names.
  ///
  /// - Throws: `CommandFailure` that says which value to change.
  static func open(
    _ configuration: ServerConfiguration, isServer: Bool = false, logger: Logger
  ) async throws -> Assembly {
    let egress = try TLSFiles.egress(configuration)
    let storage = try await Storage.open(configuration, isServer: isServer, logger: logger)
    let embedder = EmbedderSlot(
      directory: URL(filePath: configuration.embedding.modelDirectory, directoryHint: .isDirectory),
      threads: configuration.embedding.threads, arithmetic: .init(configuration.embedding.arithmetic))
    let clients = EgressClients(egress)
    do {
      let policy = try EgressPolicy(
        allow: configuration.egress.allowed, privateHosts: configuration.egress.privateHosts)
      let providers = try configuration.models.targets.map { try Providers.make($0, egress: egress, logger: logger) }
      // It compares sentences with the model in this process, whatever searches use: no call elsewhere is worth it.
      let extractive = ExtractiveLanguageModel(embedder: CurrentEmbedder { embedder.embedder }, counter: embedder)
      let clock = WallClock.system
      let embedders = try await embedders(
        configuration.embedding, builtIn: embedder, storage.embeddingModels, clock, clients: clients, logger: logger)
      let secrets = SystemSecretGenerator()
      let extractor = StandardTextExtractor(configuration)
      let extractions = RememberedExtractions(extractor, secrets: secrets)
      let fetcher = HTTPContentFetcher(policy: policy, clients: clients, limits: fetching(configuration))
      var world = World(
        users: storage.users, sessions: storage.sessions, apiKeys: storage.apiKeys,
        conversations: storage.conversations,
        memories: storage.memories,
        submissions: storage.submissions, documents: storage.documents,
        jobQueue: ObservedJobQueue(queue: storage.jobQueue, logger: logger), jobs: storage.jobs,
        collections: storage.collections, passages: ObservedPassageIndex(index: storage.passages),
        replies: storage.replies, outbox: storage.outbox,
        usage: ObservedUsageLedger(ledger: storage.usage), budgets: storage.budgets,
        models: Providers.registry(
          configuration.models, builtIn: extractive, providers: providers,
          cache: configuration.responseCache.map(Providers.cache)),
        embedders: embedders, embeddingModels: storage.embeddingModels, counter: embedder, extractor: extractions,
        fetcher: fetcher,
        sources: sources(configuration, fetcher, extractor),
        hasher: try hasher(configuration),
        secrets: secrets, makeID: .uuidVersion7(clock: clock), clock: clock)
      world.reranker = try configuration.retrieval.reranker.map {
        try Providers.reranker($0, clients: clients, logger: logger)
      }
      return Assembly(
        configuration: configuration,
        useCases: UseCases(world, settings(configuration)) { TracedIntelligence.around($0) }, world: world,
        embedder: embedder, embedders: embedders, storage: storage, extractions: extractions, clients: clients,
        providers: providers)
    } catch {
      // The failure that led here is what counts.
      try? await clients.shutdown()
      try? await storage.close()
      throw CommandFailure(.usage, "\(error)")
    }
  }

  /// The embedders of the configuration, with the one in service that storage names. Where it names none yet, the wanted
  /// one serves from the first document on.
  private static func embedders(
    _ configuration: ServerConfiguration.Embedding, builtIn: EmbedderSlot, _ catalog: any EmbeddingModelCatalog,
    _ clock: WallClock, clients: EgressClients, logger: Logger
  ) async throws -> Embedders {
    var known = [ServerConfiguration.Embedding.builtIn: CurrentEmbedder { builtIn.embedder }]
    var wanted = ServerConfiguration.Embedding.builtIn
    for endpoint in configuration.endpoints {
      let embedder = try Providers.embedder(endpoint, clients: clients, logger: logger)
      let name = embedder.model.name
      guard known[name] == nil else {
        throw CommandFailure(.usage, "two of embedding.endpoints make the same vectors, of the model \(name)")
      }
      known[name] = CurrentEmbedder { embedder }
      if endpoint.name == configuration.model { wanted = name }
    }
    let embedders = Embedders(wanted: wanted, known)
    try await embedders.refresh(from: catalog, at: clock.now())
    return embedders
  }

  private static func sources(
    _ configuration: ServerConfiguration, _ fetcher: HTTPContentFetcher, _ extractor: StandardTextExtractor
  ) -> CollectionSources {
    // Copies of repositories are made anew for each run: nothing is lost with them.
    let folder =
      configuration.profile == .offline
      ? configuration.dataDirectory + "/repositories"
      : FileManager.default.temporaryDirectory.appending(path: "opentier-repositories").path(percentEncoded: false)
    var limits = GitRepositoryReader.Limits()
    limits.maximumBytes = configuration.collections.maximumBytes
    limits.maximumFileBytes = configuration.collections.maximumPageBytes
    let secrets = SystemSecretGenerator()
    let repositories = GitRepositoryReader(
      directory: folder, limits: limits, authorities: configuration.egress.authorities,
      locate: { (url) async throws(FetchFailure) in try await fetcher.addresses(of: url) },
      hash: { secrets.hash($0.utf8).hexadecimal })
    return CollectionSources(
      sites: fetcher, links: extractor, repositories: repositories, maximumFileBytes: limits.maximumFileBytes,
      reads: StandardTextExtractor.reads(fileNamed:))
  }

  /// What fetching an address may take.
  private static func fetching(_ configuration: ServerConfiguration) -> HTTPContentFetcher.Limits {
    var limits = HTTPContentFetcher.Limits()
    limits.maximumBytes = configuration.collections.maximumPageBytes
    limits.total = .nanoseconds(Int64(configuration.collections.fetchTimeout / .nanoseconds(1)))
    limits.pace = configuration.collections.pace
    limits.maximumPace = configuration.collections.maximumPace
    return limits
  }

  /// Hashes passwords as the configuration says.
  static func hasher(_ configuration: ServerConfiguration) throws -> BcryptPasswordHasher {
    try BcryptPasswordHasher(
      cost: configuration.passwords.cost, threadCount: configuration.passwords.threads,
      maximumWaiting: configuration.passwords.queue)
  }

  /// What the configuration decides about the use cases.
  static func settings(_ configuration: ServerConfiguration) -> UseCaseSettings {
    var settings = UseCaseSettings()
    settings.firstAccountIsAdmin = configuration.profile != .production
    settings.maximumSubmissionBytes = max(configuration.limits.uploadBody, configuration.limits.submissionBody)
    settings.apiKeys.maximumPerUser = configuration.apiKeys.maximumPerUser
    settings.apiKeys.defaultLifetime = configuration.apiKeys.defaultLifetime / .seconds(1)
    settings.apiKeys.maximumLifetime = configuration.apiKeys.maximumLifetime / .seconds(1)
    settings.callerLifetime = configuration.callerLifetime / .seconds(1)
    settings.metering = metering(configuration)
    settings.prices = PriceList(
      Dictionary(
        configuration.models.targets.compactMap { target in target.price.map { (target.name, $0) } },
        uniquingKeysWith: { first, _ in first }),
      routes: Dictionary(
        configuration.models.routes.map { ($0.name, $0.targets) }, uniquingKeysWith: { first, _ in first }))
    settings.embeddingPrices = PriceList(
      Dictionary(
        configuration.embedding.endpoints.compactMap { endpoint in
          endpoint.price.map { (Providers.vectors(of: endpoint), $0) }
        }, uniquingKeysWith: { first, _ in first }))
    settings.currency = configuration.budgets.currency
    settings.settlements.lifetime = configuration.quotas.lease / .seconds(1)
    settings.search.fusionDepth = configuration.retrieval.depth
    settings.search.steps = steps(configuration.retrieval)
    if let reranker = configuration.retrieval.reranker { settings.search.rerankDepth = reranker.depth }
    settings.reply.maximumSources = configuration.chat.maximumSources
    settings.reply.sourceTokens = configuration.chat.contextTokens
    settings.reply.neighbours = configuration.chat.neighbours
    settings.reply.tools.maximumRounds = configuration.chat.toolRounds
    settings.reply.tools.maximumCalls = configuration.chat.toolCalls
    settings.reply.tools.timeout = configuration.chat.toolTimeout
    settings.reply.tools.maximumResultBytes = configuration.chat.toolResultBytes
    settings.desk.window = configuration.chat.resumeWindow / .seconds(1)
    settings.desk.maximumReplies = configuration.chat.maximumResumable
    settings.desk.maximumPerOwner = configuration.chat.maximumResumablePerUser
    settings.desk.maximumBytes = configuration.chat.maximumResumableBytes
    settings.desk.maximumEvents = configuration.chat.maximumResumableEvents
    // In memory an event costs nothing; in a database each batch is a transaction.
    if configuration.profile == .production { settings.desk.batchInterval = .milliseconds(50) }
    settings.ingestion.lease = configuration.ingestion.lease / .seconds(1)
    settings.ingestion.stageLimit = configuration.ingestion.stageLimit / .seconds(1)
    settings.ingestion.batchSize = configuration.ingestion.batchSize
    settings.ingestion.maximumBytes = configuration.ingestion.maximumBytes
    settings.ingestion.concurrentBatches = configuration.embedding.threads
    settings.ingestion.concurrentTexts = ProcessInfo.processInfo.activeProcessorCount
    settings.ingestion.retries = RetryPolicy(maximumAttempts: configuration.ingestion.maximumAttempts)
    settings.collections.maximumOpenJobs = configuration.collections.maximumOpenJobs
    settings.collections.maximumBytes = configuration.collections.maximumBytes
    settings.collections.maximumItems = configuration.collections.maximumItems
    settings.collections.maximumDuration = configuration.collections.maximumDuration / .seconds(1)
    settings.similarity.threshold = Double(configuration.similarity.threshold) / 100
    settings.similarity.limit = configuration.similarity.limit
    settings.similarity.pending = configuration.similarity.pending
    settings.similarity.pendingTime = configuration.similarity.pendingTime
    settings.chunker = TextChunker(
      maximumTokens: configuration.chunking.maximumTokens, overlapTokens: configuration.chunking.overlapTokens,
      maximumChunks: configuration.chunking.maximumChunks)
    return settings
  }

  /// What calls may use and cost.
  private static func metering(_ configuration: ServerConfiguration) -> MeteredIntelligence.Settings {
    let limits = { (scope: QuotaSettings.Scope) in
      ScopeLimits(
        rate: scope.requestsPerMinute.flatMap { RequestRate(perMinute: $0, burst: scope.burst) },
        concurrentStreams: scope.concurrentStreams, tokensPerDay: scope.tokensPerDay)
    }
    var settings = MeteredIntelligence.Settings()
    settings.limits.user = limits(configuration.quotas.user)
    settings.limits.apiKey = limits(configuration.quotas.apiKey)
    settings.limits.organization = limits(configuration.quotas.organization)
    settings.limits.firstDayRequests = configuration.quotas.firstDayRequests
    settings.rules.alerts = configuration.budgets.alerts
    settings.rules.stop = configuration.budgets.stop
    settings.replyTokens = configuration.quotas.replyTokens
    // The passages, and as much history as a model is given.
    settings.contextTokens = configuration.chat.contextTokens + WriteReply.Settings().historyTokens
    settings.toolRounds = min(configuration.chat.toolRounds, configuration.quotas.toolRounds)
    // Models mostly ask for one tool at a time. What it returns is bounded by tokens and by bytes, of which four make one.
    settings.toolTokens = min(configuration.chat.contextTokens, configuration.chat.toolResultBytes / 4)
    return settings
  }

  private static func steps(_ retrieval: ServerConfiguration.Retrieval) -> RetrievalSteps {
    var steps = RetrievalSteps()
    steps.fusion =
      switch retrieval.fusion {
      case .convex: .convex(semanticWeight: retrieval.semanticWeight)
      case .reciprocalRank: .reciprocalRank(constant: Double(retrieval.fusionConstant))
      }
    steps.feedback =
      retrieval.feedbackPassages > 0
      ? RelevanceFeedback(passages: retrieval.feedbackPassages, weight: retrieval.feedbackWeight) : nil
    steps.maximumParts = retrieval.parts
    steps.partsWeight = retrieval.partsWeight
    steps.diversity = retrieval.diversity
    return steps
  }

  /// Opens, runs and closes: what a command does.
  ///
  /// - Parameter loadingEmbedder: whether the embedding model is loaded before `body`.
  static func run(
    _ configuration: ServerConfiguration, loadingEmbedder: Bool = false,
    _ body: (Assembly) async throws -> Void
  ) async throws {
    let logger = Observability.startForCommand(configuration)
    let assembly = try await open(configuration, logger: logger)
    do {
      if loadingEmbedder { _ = await assembly.embedder.load() }
      try await body(assembly)
    } catch {
      try? await assembly.close()  // The failure that led here is what counts.
      throw error
    }
    try await assembly.close()
  }

  /// Who acts at the command line.
  func operatorPrincipal(as email: String? = nil) async throws(CommandFailure) -> Principal {
    try await Operator.principal(as: email, users: world.users, clock: world.clock)
  }

  /// Tells the person when search will find by words alone.
  func warnIfNoEmbedder(_ terminal: Terminal) {
    guard embedders.current() == nil else { return }
    if embedders.serving == ServerConfiguration.Embedding.builtIn, case .absent(let reason) = embedder.current {
      terminal.message("warning: no embedding model, so search will find by words alone: \(reason)")
    } else if !embedders.knows(embedders.serving) {
      terminal.message(
        "warning: the vectors are of the model \(embedders.serving), which embedding.endpoints does not name, so search "
          + "will find by words alone until a server has embedded all passages with \(embedders.wanted)")
    }
  }

  /// Closes connections and files.
  func close() async throws {
    for provider in providers { try await provider.shutdown() }
    try await clients.shutdown()
    try await storage.close()
  }
}
