package import Domain

/// What configuration decides about the use cases.
package struct UseCaseSettings: Sendable {
  /// Whether the first account of an empty deployment is its admin.
  package var firstAccountIsAdmin = true
  /// The most bytes of a submission.
  package var maximumSubmissionBytes = SubmitKnowledge.defaultMaximumBytes
  /// Sizes of searches.
  package var search = SearchKnowledge.Settings()
  /// Sizes of replies.
  package var reply = WriteReply.Settings()
  /// Times and sizes of resumable replies.
  package var desk = ReplyDesk.Settings()
  /// Times and sizes of ingestion.
  package var ingestion = IngestNextJob.Settings()
  /// Limits of collections.
  package var collections = RunCollection.Settings()
  /// Times and sizes of handing on events.
  package var relay = RelayEvents.Settings()
  /// Sizes of comparing submissions with documents.
  package var similarity = FindSimilar.Settings()
  /// Limits of API keys.
  package var apiKeys = ManageAPIKeys.Settings()
  /// For how long a caller is remembered who was looked up, in seconds; see ``RememberedCallers``.
  package var callerLifetime = 1.0
  /// What calls may use and cost.
  package var metering = MeteredIntelligence.Settings()
  /// Times and sizes of settling what they used.
  package var settlements = UsageSettlements.Settings()
  /// What the models' tokens cost.
  package var prices = PriceList()
  /// What the tokens of embedding models cost, by the names that their vectors are kept under.
  package var embeddingPrices = PriceList()
  /// The currency of prices and budgets, for whoever reads them.
  package var currency = "USD"
  /// Sizes of chunks.
  package var chunker = TextChunker()
  /// How often a watched job is read.
  package var jobWatchInterval: Duration = .milliseconds(100)
  /// How long one watch of a job lasts at most.
  package var jobWatchMaximum: Duration = .seconds(3_600)

  /// The standard settings.
  package init() {}
}

/// What the public half does itself, and the intelligence that it calls for the rest: what a wire is given.
package struct GatewayUseCases: Sendable {
  /// Makes an account.
  package let signUp: SignUp
  /// Signs in.
  package let signIn: SignIn
  /// Finds who a session's token belongs to.
  package let resolveSession: ResolveSession
  /// Finds who a bearer token belongs to: a session's, or an API key.
  package let resolveCaller: ResolveCaller
  /// Lists and ends sessions.
  package let sessions: ManageSessions
  /// Makes, lists and revokes API keys.
  package let apiKeys: ManageAPIKeys
  /// The uses of API keys that are yet to be written.
  package let apiKeyUses: APIKeyUses
  /// Reads and deletes accounts, and changes roles.
  package let accounts: ManageAccounts
  /// Makes, reads, renames and deletes conversations.
  package let conversations: ManageConversations
  /// Keeps what people have said about themselves.
  package let memories: ManageMemories
  /// Offers knowledge.
  package let submit: SubmitKnowledge
  /// Lists submissions and decides on them.
  package let review: ReviewSubmissions
  /// Lists, reads and deletes documents.
  package let documents: ReadDocuments
  /// Shows jobs.
  package let jobs: WatchJobs
  /// Queues failed and cancelled jobs again.
  package let retryJob: RetryJob
  /// Stops jobs.
  package let cancelJob: CancelJob
  /// Hands on what happened.
  package let relayEvents: RelayEvents
  /// Answers, finds and embeds, as far as quotas and budgets allow.
  package let intelligence: any Intelligence
  /// Tells what calls have used.
  package let reportUsage: ReportUsage
  /// Sets what they may cost.
  package let budgets: ManageBudgets
  /// What calls used and is yet to be written.
  package let settlements: UsageSettlements

  /// Wires the use cases.
  ///
  /// - Parameters:
  ///   - settlements: those of the other half, where both are one process.
  ///   - observed: what wires call in place of the other half: the same, watched from outside.
  package init(
    _ world: GatewayWorld, _ settings: UseCaseSettings = UseCaseSettings(), settlements: UsageSettlements? = nil,
    observed: (any Intelligence) -> any Intelligence = { $0 }
  ) {
    let (makeID, clock) = (world.makeID, world.clock)
    let settlements = settlements ?? UsageSettlements(world.usage, settings, clock)
    self.settlements = settlements
    reportUsage = ReportUsage(
      usage: world.usage, budgets: world.budgets, currency: settings.currency, clock: clock)
    budgets = ManageBudgets(budgets: world.budgets, makeID: makeID, clock: clock)
    let open = SessionOpener(sessions: world.sessions, secrets: world.secrets, makeID: makeID, clock: clock)
    intelligence = observed(
      MeteredIntelligence(
        world.intelligence, ledger: world.usage, settlements: settlements, settings: settings.metering, makeID: makeID,
        clock: clock))
    signUp = SignUp(
      users: world.users, hasher: world.hasher, firstIsAdmin: settings.firstAccountIsAdmin, makeID: makeID,
      clock: clock, open: open)
    signIn = SignIn(users: world.users, hasher: world.hasher, open: open)
    let callers = RememberedCallers(lifetime: settings.callerLifetime)
    resolveSession = ResolveSession(
      sessions: world.sessions, callers: callers, secrets: world.secrets, clock: clock)
    apiKeyUses = APIKeyUses()
    resolveCaller = ResolveCaller(
      session: resolveSession, keys: world.apiKeys, callers: callers, uses: apiKeyUses, secrets: world.secrets,
      clock: clock)
    apiKeys = ManageAPIKeys(
      keys: world.apiKeys, callers: callers, secrets: world.secrets, settings: settings.apiKeys, makeID: makeID,
      clock: clock)
    sessions = ManageSessions(sessions: world.sessions, callers: callers, clock: clock)
    accounts = ManageAccounts(users: world.users, callers: callers, clock: clock)
    conversations = ManageConversations(conversations: world.conversations, makeID: makeID, clock: clock)
    memories = ManageMemories(memories: world.memories, makeID: makeID, clock: clock)
    submit = SubmitKnowledge(
      submissions: world.submissions, documents: world.documents, fetcher: world.fetcher,
      maximumBytes: settings.maximumSubmissionBytes,
      room: StageGate(capacity: SubmitKnowledge.maximumBytesInStorage), makeID: makeID, clock: clock)
    review = ReviewSubmissions(
      submissions: world.submissions, makeID: makeID, clock: clock, intelligence: world.intelligence)
    documents = ReadDocuments(documents: world.documents, clock: clock)
    jobs = WatchJobs(
      jobs: world.jobs, submissions: world.submissions, collections: world.collections,
      interval: settings.jobWatchInterval,
      maximumDuration: settings.jobWatchMaximum)
    retryJob = RetryJob(jobs: world.jobs, intelligence: world.intelligence, clock: clock)
    cancelJob = CancelJob(jobs: world.jobs, watch: jobs, clock: clock)
    relayEvents = RelayEvents(outbox: world.outbox, settings: settings.relay, clock: clock)
  }
}

/// What the half that is never public does: chat, retrieval, embedding, ingestion.
///
/// A class: of so many members together each call would hold a copy.
package final class IntelligenceUseCases: Sendable {
  /// Asks.
  package let streamChat: StreamChat
  /// Has a reply written again.
  package let regenerate: RegenerateMessage
  /// Takes up the stream of a reply.
  package let resumeChat: ResumeChat
  /// Cancels a reply.
  package let cancelChat: CancelChat
  /// Finds passages.
  package let search: SearchKnowledge
  /// Tells which models there are.
  package let listModels: ListModels
  /// Has a model go on with a dialogue that is not stored.
  package let complete: CompleteDialogue
  /// Turns texts into vectors.
  package let embedTexts: EmbedTexts
  /// Measures search against judgements.
  package let evaluate: EvaluateRetrieval
  /// Works on the next job.
  package let ingestNext: IngestNextJob
  /// Makes missing vectors.
  package let embedMissing: EmbedMissing
  /// Tells which models have vectors, and removes those that are of no use any more.
  package let embeddingModels: ManageEmbeddingModels
  /// Finds what a submission is like.
  package let findSimilar: FindSimilar
  /// Wakes the workers.
  package let signal: Signal
  /// The replies that are being written.
  package let activeReplies: ActiveReplies
  /// Owns the resumable ones among them.
  package let desk: ReplyDesk
  /// What calls used and is yet to be written.
  package let settlements: UsageSettlements
  /// What the models' tokens cost.
  let prices: PriceList

  /// Wires the use cases.
  package init(_ world: IntelligenceWorld, _ settings: UseCaseSettings = UseCaseSettings()) {
    let (makeID, clock) = (world.makeID, world.clock)
    settlements = UsageSettlements(world.usage, settings, clock)
    prices = settings.prices
    signal = Signal()
    activeReplies = ActiveReplies()
    search = SearchKnowledge(
      index: world.passages, embedder: world.embedders.current, reranker: world.reranker, settings: settings.search)
    embedTexts = EmbedTexts(
      embedder: world.embedders.current, counter: world.counter, prices: settings.embeddingPrices)
    evaluate = EvaluateRetrieval(search: search)
    let replySignals = ReplySignals()
    desk = ReplyDesk(
      log: world.replies, signals: replySignals, active: activeReplies, settings: settings.desk, clock: clock)
    let follow = FollowReply(
      log: world.replies, signals: replySignals, settings: settings.desk, makeID: makeID, clock: clock)
    let ground = GroundQuestion(
      memories: world.memories, search: search, counter: world.counter, settings: settings.reply)
    listModels = ListModels(
      models: world.models, embedder: world.embedders.current, prices: settings.prices,
      embeddingPrices: settings.embeddingPrices)
    complete = CompleteDialogue(
      models: world.models, ground: ground, counter: world.counter, settings: settings.reply, makeID: makeID,
      clock: clock)
    let tools = RunTools(
      tools: [
        SearchKnowledgeTool(search: search, maximumPassages: settings.reply.maximumSources),
        ReadDocumentTool(index: world.passages),
      ] + world.tools, settings: settings.reply.tools, passageTokens: settings.reply.sourceTokens,
      counter: world.counter)
    let write = WriteReply(
      conversations: world.conversations, models: world.models, ground: ground, counter: world.counter,
      tools: tools, settings: settings.reply, replies: activeReplies, desk: desk, follow: follow, makeID: makeID,
      clock: clock)
    streamChat = StreamChat(conversations: world.conversations, makeID: makeID, clock: clock, write: write)
    regenerate = RegenerateMessage(conversations: world.conversations, write: write)
    resumeChat = ResumeChat(follow: follow)
    cancelChat = CancelChat(
      replies: activeReplies, log: world.replies, writerSilence: settings.desk.writerSilence, clock: clock)
    ingestNext = IngestNextJob(
      collect: RunCollection(world, settings, signal: signal), queue: world.jobQueue, submissions: world.submissions,
      extractor: world.extractor, fetcher: world.fetcher,
      chunker: settings.chunker, counter: world.counter, embedder: world.embedders.forPassages, secrets: world.secrets,
      stages: IngestionStages(settings.ingestion), settings: settings.ingestion, makeID: makeID, clock: clock)
    findSimilar = FindSimilar(
      submissions: world.submissions, documents: world.documents, index: world.passages, extractor: world.extractor,
      room: StageGate(capacity: settings.similarity.concurrent),
      // Those of four comparisons of different tenants.
      sketches: PendingSketches(capacity: 4 * settings.similarity.pending), settings: settings.similarity)
    embedMissing = EmbedMissing(
      index: world.passages, catalog: world.embeddingModels, embedders: world.embedders, clock: clock)
    embeddingModels = ManageEmbeddingModels(catalog: world.embeddingModels, embedders: world.embedders)
  }
}

/// Both halves in one process: what a command line or a whole server is given. A use case of either half is called by
/// its name.
@dynamicMemberLookup
package struct UseCases: Sendable {
  /// The public half, which calls the other directly.
  package let gateway: GatewayUseCases
  /// The half that is never public.
  package let intelligence: IntelligenceUseCases

  /// Wires both to one world.
  ///
  /// - Parameter observed: as ``GatewayUseCases`` has it.
  package init(
    _ world: World, _ settings: UseCaseSettings = UseCaseSettings(),
    observed: (any Intelligence) -> any Intelligence = { $0 }
  ) {
    intelligence = IntelligenceUseCases(world.intelligence, settings)
    gateway = GatewayUseCases(
      world.gateway(calling: LocalIntelligence(intelligence)), settings, settlements: intelligence.settlements,
      observed: observed)
  }

  /// A use case of the public half.
  package subscript<UseCase>(dynamicMember path: KeyPath<GatewayUseCases, UseCase>) -> UseCase {
    gateway[keyPath: path]
  }

  /// A use case of the other half.
  package subscript<UseCase>(dynamicMember path: KeyPath<IntelligenceUseCases, UseCase>) -> UseCase {
    intelligence[keyPath: path]
  }
}

extension UsageSettlements {
  fileprivate convenience init(_ ledger: any UsageLedger, _ settings: UseCaseSettings, _ clock: WallClock) {
    self.init(ledger: ledger, rules: settings.metering.rules, settings: settings.settlements, clock: clock)
  }
}
