package import Domain

/// Everything that the use cases need of the world.
package struct World: Sendable {
  /// The accounts.
  package var users: any UserRepository
  /// The sessions.
  package var sessions: any SessionRepository
  /// The conversations.
  package var conversations: any ConversationRepository
  /// The submissions.
  package var submissions: any SubmissionRepository
  /// The documents.
  package var documents: any DocumentRepository
  /// The queue, for workers.
  package var jobQueue: any JobQueue
  /// The jobs, for people.
  package var jobs: any JobRepository
  /// The search index.
  package var passages: any PassageIndex
  /// What happened, for those who follow it.
  package var outbox: any EventOutbox
  /// The language models.
  package var models: LanguageModelRegistry
  /// The embedder of the moment.
  package var embedder: CurrentEmbedder
  /// Measures text for chunks and budgets.
  package var counter: any TokenCounter
  /// Turns payloads into text.
  package var extractor: any TextExtractor
  /// Fetches addresses.
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
    users: any UserRepository, sessions: any SessionRepository, conversations: any ConversationRepository,
    submissions: any SubmissionRepository, documents: any DocumentRepository, jobQueue: any JobQueue,
    jobs: any JobRepository, passages: any PassageIndex, outbox: any EventOutbox, models: LanguageModelRegistry,
    embedder: CurrentEmbedder, counter: any TokenCounter, extractor: any TextExtractor, fetcher: any ContentFetcher,
    hasher: any PasswordHasher, secrets: any SecretGenerator, makeID: IDGenerator, clock: WallClock
  ) {
    self.users = users
    self.sessions = sessions
    self.conversations = conversations
    self.submissions = submissions
    self.documents = documents
    self.jobQueue = jobQueue
    self.jobs = jobs
    self.passages = passages
    self.outbox = outbox
    self.models = models
    self.embedder = embedder
    self.counter = counter
    self.extractor = extractor
    self.fetcher = fetcher
    self.hasher = hasher
    self.secrets = secrets
    self.makeID = makeID
    self.clock = clock
  }
}

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
  /// Times and sizes of ingestion.
  package var ingestion = IngestNextJob.Settings()
  /// Times and sizes of handing on events.
  package var relay = RelayEvents.Settings()
  /// Sizes of chunks.
  package var chunker = TextChunker()
  /// How often a watched job is read.
  package var jobWatchInterval: Duration = .milliseconds(100)
  /// How long one watch of a job lasts at most.
  package var jobWatchMaximum: Duration = .seconds(3_600)

  /// The standard settings.
  package init() {}
}

/// All use cases, wired to one world: what a wire or a command line is given.
package struct UseCases: Sendable {
  /// Makes an account.
  package let signUp: SignUp
  /// Signs in.
  package let signIn: SignIn
  /// Finds who a token belongs to.
  package let resolveSession: ResolveSession
  /// Lists and ends sessions.
  package let sessions: ManageSessions
  /// Reads and deletes accounts, and changes roles.
  package let accounts: ManageAccounts
  /// Makes, reads, renames and deletes conversations.
  package let conversations: ManageConversations
  /// Asks.
  package let streamChat: StreamChat
  /// Has a reply written again.
  package let regenerate: RegenerateMessage
  /// Cancels a reply.
  package let cancelChat: CancelChat
  /// Offers knowledge.
  package let submit: SubmitKnowledge
  /// Lists submissions and decides on them.
  package let review: ReviewSubmissions
  /// Lists, reads and deletes documents.
  package let documents: ReadDocuments
  /// Shows jobs.
  package let jobs: WatchJobs
  /// Queues failed jobs again.
  package let retryJob: RetryJob
  /// Hands on what happened.
  package let relayEvents: RelayEvents
  /// Finds passages.
  package let search: SearchKnowledge
  /// Measures search against judgements.
  package let evaluate: EvaluateRetrieval
  /// Works on the next job.
  package let ingestNext: IngestNextJob
  /// Makes missing vectors.
  package let embedMissing: EmbedMissing
  /// Wakes the workers.
  package let signal: JobSignal
  /// The replies that are being written.
  package let activeReplies: ActiveReplies

  /// Wires the use cases.
  package init(_ world: World, _ settings: UseCaseSettings = UseCaseSettings()) {
    let (makeID, clock) = (world.makeID, world.clock)
    let open = SessionOpener(sessions: world.sessions, secrets: world.secrets, makeID: makeID, clock: clock)
    signal = JobSignal()
    activeReplies = ActiveReplies()
    signUp = SignUp(
      users: world.users, hasher: world.hasher, firstIsAdmin: settings.firstAccountIsAdmin, makeID: makeID,
      clock: clock, open: open)
    signIn = SignIn(users: world.users, hasher: world.hasher, open: open)
    resolveSession = ResolveSession(sessions: world.sessions, secrets: world.secrets, clock: clock)
    sessions = ManageSessions(sessions: world.sessions, clock: clock)
    accounts = ManageAccounts(users: world.users, clock: clock)
    conversations = ManageConversations(conversations: world.conversations, makeID: makeID, clock: clock)
    search = SearchKnowledge(index: world.passages, embedder: world.embedder, settings: settings.search)
    evaluate = EvaluateRetrieval(search: search)
    let write = WriteReply(
      conversations: world.conversations, models: world.models, search: search, counter: world.counter,
      settings: settings.reply, replies: activeReplies, makeID: makeID, clock: clock)
    streamChat = StreamChat(conversations: world.conversations, makeID: makeID, clock: clock, write: write)
    regenerate = RegenerateMessage(conversations: world.conversations, write: write)
    cancelChat = CancelChat(replies: activeReplies)
    submit = SubmitKnowledge(
      submissions: world.submissions, documents: world.documents, fetcher: world.fetcher,
      maximumBytes: settings.maximumSubmissionBytes, makeID: makeID, clock: clock)
    review = ReviewSubmissions(submissions: world.submissions, makeID: makeID, clock: clock, signal: signal)
    documents = ReadDocuments(documents: world.documents, clock: clock)
    jobs = WatchJobs(
      jobs: world.jobs, submissions: world.submissions, interval: settings.jobWatchInterval,
      maximumDuration: settings.jobWatchMaximum)
    retryJob = RetryJob(jobs: world.jobs, signal: signal, clock: clock)
    relayEvents = RelayEvents(outbox: world.outbox, settings: settings.relay, clock: clock)
    ingestNext = IngestNextJob(
      queue: world.jobQueue, submissions: world.submissions, extractor: world.extractor, fetcher: world.fetcher,
      chunker: settings.chunker, counter: world.counter, embedder: world.embedder, secrets: world.secrets,
      settings: settings.ingestion, makeID: makeID, clock: clock)
    embedMissing = EmbedMissing(index: world.passages, embedder: world.embedder)
  }
}
