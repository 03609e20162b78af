package import Domain

/// Everything that the use cases need of the world.
package struct World: Sendable {
  /// The accounts.
  package var users: any UserRepository
  /// The sessions.
  package var sessions: any SessionRepository
  /// The API keys.
  package var apiKeys: any APIKeyRepository
  /// The conversations.
  package var conversations: any ConversationRepository
  /// What people have said about themselves.
  package var memories: any MemoryRepository
  /// The submissions.
  package var submissions: any SubmissionRepository
  /// The documents.
  package var documents: any DocumentRepository
  /// The queue, for workers.
  package var jobQueue: any JobQueue
  /// The jobs, for people.
  package var jobs: any JobRepository
  /// The items of collections.
  package var collections: any CollectionLedger
  /// The search index.
  package var passages: any PassageIndex
  /// The replies that are being written, and the events of those that can be taken up.
  package var replies: any ReplyLog
  /// What happened, for those who follow it.
  package var outbox: any EventOutbox
  /// What calls have used and may use.
  package var usage: any UsageLedger
  /// The budgets.
  package var budgets: any BudgetRepository
  /// The language models.
  package var models: LanguageModelRegistry
  /// The embedders, and which of them serves.
  package var embedders: Embedders
  /// Which model's vectors serve, and what vectors there are.
  package var embeddingModels: any EmbeddingModelCatalog
  /// Judges passages anew, where there is one.
  package var reranker: (any Reranker)?
  /// Tools that models may ask for in the chat, besides those of the knowledge base.
  package var tools: [any ChatTool] = []
  /// Measures text for chunks and budgets.
  package var counter: any TokenCounter
  /// Turns payloads into text.
  package var extractor: any TextExtractor
  /// Fetches addresses.
  package var fetcher: any ContentFetcher
  /// What collections are read with.
  package var sources: CollectionSources
  /// Hashes passwords.
  package var hasher: any PasswordHasher
  /// Makes tokens and digests.
  package var secrets: any SecretGenerator
  /// Makes ids.
  package var makeID: IDGenerator
  /// Tells the time.
  package var clock: WallClock

  /// Makes a world of its parts.
  package init(
    users: any UserRepository, sessions: any SessionRepository, apiKeys: any APIKeyRepository,
    conversations: any ConversationRepository, memories: any MemoryRepository,
    submissions: any SubmissionRepository, documents: any DocumentRepository, jobQueue: any JobQueue,
    jobs: any JobRepository, collections: any CollectionLedger, passages: any PassageIndex, replies: any ReplyLog,
    outbox: any EventOutbox, usage: any UsageLedger, budgets: any BudgetRepository,
    models: LanguageModelRegistry, embedders: Embedders, embeddingModels: any EmbeddingModelCatalog,
    counter: any TokenCounter, extractor: any TextExtractor, fetcher: any ContentFetcher, sources: CollectionSources,
    hasher: any PasswordHasher, secrets: any SecretGenerator, makeID: IDGenerator, clock: WallClock
  ) {
    self.users = users
    self.sessions = sessions
    self.apiKeys = apiKeys
    self.conversations = conversations
    self.memories = memories
    self.submissions = submissions
    self.documents = documents
    self.jobQueue = jobQueue
    self.jobs = jobs
    self.collections = collections
    self.passages = passages
    self.replies = replies
    self.outbox = outbox
    self.usage = usage
    self.budgets = budgets
    self.models = models
    self.embedders = embedders
    self.embeddingModels = embeddingModels
    self.counter = counter
    self.extractor = extractor
    self.fetcher = fetcher
    self.sources = sources
    self.hasher = hasher
    self.secrets = secrets
    self.makeID = makeID
    self.clock = clock
  }
}

/// What the public half needs of the world.
package struct GatewayWorld: Sendable {
  /// The accounts.
  package var users: any UserRepository
  /// The sessions.
  package var sessions: any SessionRepository
  /// The API keys.
  package var apiKeys: any APIKeyRepository
  /// The conversations.
  package var conversations: any ConversationRepository
  /// What people have said about themselves.
  package var memories: any MemoryRepository
  /// The submissions.
  package var submissions: any SubmissionRepository
  /// The documents.
  package var documents: any DocumentRepository
  /// The jobs, for people.
  package var jobs: any JobRepository
  /// The items of collections.
  package var collections: any CollectionLedger
  /// What happened, for those who follow it.
  package var outbox: any EventOutbox
  /// What calls have used and may use.
  package var usage: any UsageLedger
  /// The budgets.
  package var budgets: any BudgetRepository
  /// Answers, finds and embeds, here or in another process.
  package var intelligence: any Intelligence
  /// Says which addresses may be submitted.
  package var fetcher: any ContentFetcher
  /// Hashes passwords.
  package var hasher: any PasswordHasher
  /// Makes tokens and digests.
  package var secrets: any SecretGenerator
  /// Makes ids.
  package var makeID: IDGenerator
  /// Tells the time.
  package var clock: WallClock

  /// Makes a world of its parts.
  package init(
    users: any UserRepository, sessions: any SessionRepository, apiKeys: any APIKeyRepository,
    conversations: any ConversationRepository, memories: any MemoryRepository,
    submissions: any SubmissionRepository, documents: any DocumentRepository, jobs: any JobRepository,
    collections: any CollectionLedger, outbox: any EventOutbox, usage: any UsageLedger,
    budgets: any BudgetRepository, intelligence: any Intelligence,
    fetcher: any ContentFetcher,
    hasher: any PasswordHasher, secrets: any SecretGenerator, makeID: IDGenerator, clock: WallClock
  ) {
    self.users = users
    self.sessions = sessions
    self.apiKeys = apiKeys
    self.conversations = conversations
    self.memories = memories
    self.submissions = submissions
    self.documents = documents
    self.jobs = jobs
    self.collections = collections
    self.outbox = outbox
    self.usage = usage
    self.budgets = budgets
    self.intelligence = intelligence
    self.fetcher = fetcher
    self.hasher = hasher
    self.secrets = secrets
    self.makeID = makeID
    self.clock = clock
  }
}

/// What the half that is never public needs of the world.
package struct IntelligenceWorld: Sendable {
  /// The conversations.
  package var conversations: any ConversationRepository
  /// What people have said about themselves.
  package var memories: any MemoryRepository
  /// The submissions.
  package var submissions: any SubmissionRepository
  /// The documents.
  package var documents: any DocumentRepository
  /// The queue, for workers.
  package var jobQueue: any JobQueue
  /// The items of collections.
  package var collections: any CollectionLedger
  /// The search index.
  package var passages: any PassageIndex
  /// The replies that are being written, and the events of those that can be taken up.
  package var replies: any ReplyLog
  /// What calls have used and may use.
  package var usage: any UsageLedger
  /// The language models.
  package var models: LanguageModelRegistry
  /// The embedders, and which of them serves.
  package var embedders: Embedders
  /// Which model's vectors serve, and what vectors there are.
  package var embeddingModels: any EmbeddingModelCatalog
  /// Judges passages anew, where there is one.
  package var reranker: (any Reranker)?
  /// Tools that models may ask for in the chat, besides those of the knowledge base.
  package var tools: [any ChatTool] = []
  /// Measures text for chunks and budgets.
  package var counter: any TokenCounter
  /// Turns payloads into text.
  package var extractor: any TextExtractor
  /// Fetches addresses.
  package var fetcher: any ContentFetcher
  /// What collections are read with.
  package var sources: CollectionSources
  /// Makes digests.
  package var secrets: any SecretGenerator
  /// Makes ids.
  package var makeID: IDGenerator
  /// Tells the time.
  package var clock: WallClock

  /// Makes a world of its parts.
  package init(
    conversations: any ConversationRepository, memories: any MemoryRepository, submissions: any SubmissionRepository,
    documents: any DocumentRepository, jobQueue: any JobQueue, collections: any CollectionLedger,
    passages: any PassageIndex, replies: any ReplyLog, usage: any UsageLedger,
    models: LanguageModelRegistry, embedders: Embedders, embeddingModels: any EmbeddingModelCatalog,
    counter: any TokenCounter,
    extractor: any TextExtractor, fetcher: any ContentFetcher, sources: CollectionSources, secrets: any SecretGenerator,
    makeID: IDGenerator,
    clock: WallClock
  ) {
    self.conversations = conversations
    self.memories = memories
    self.submissions = submissions
    self.documents = documents
    self.jobQueue = jobQueue
    self.collections = collections
    self.passages = passages
    self.replies = replies
    self.usage = usage
    self.models = models
    self.embedders = embedders
    self.embeddingModels = embeddingModels
    self.counter = counter
    self.extractor = extractor
    self.fetcher = fetcher
    self.sources = sources
    self.secrets = secrets
    self.makeID = makeID
    self.clock = clock
  }
}

extension World {
  /// The part of the half that is never public.
  package var intelligence: IntelligenceWorld {
    var world = IntelligenceWorld(
      conversations: conversations, memories: memories, submissions: submissions, documents: documents,
      jobQueue: jobQueue, collections: collections, passages: passages, replies: replies, usage: usage,
      models: models,
      embedders: embedders, embeddingModels: embeddingModels, counter: counter, extractor: extractor, fetcher: fetcher,
      sources: sources, secrets: secrets,
      makeID: makeID,
      clock: clock)
    world.reranker = reranker
    world.tools = tools
    return world
  }

  /// The part of the public half.
  package func gateway(calling intelligence: any Intelligence) -> GatewayWorld {
    GatewayWorld(
      users: users, sessions: sessions, apiKeys: apiKeys, conversations: conversations, memories: memories,
      submissions: submissions, documents: documents, jobs: jobs, collections: collections, outbox: outbox,
      usage: usage, budgets: budgets,
      intelligence: intelligence, fetcher: fetcher, hasher: hasher, secrets: secrets, makeID: makeID, clock: clock)
  }
}
