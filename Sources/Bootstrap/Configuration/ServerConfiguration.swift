/// All that an operator may decide about `opentier`, checked; flags win over the environment, that over
/// `opentier.yaml`, that over the defaults.
package struct ServerConfiguration: Sendable {
  /// Where data lives and how many processes share it.
  package enum Profile: String, CaseIterable, Sendable { case offline, production, memory }
  /// Which half of the server runs here.
  package enum Role: String, CaseIterable, Sendable { case all, gateway, intelligence }
  /// How much is logged.
  package enum LogLevel: String, CaseIterable, Sendable { case trace, debug, info, notice, warning, error, critical }
  /// How it is logged; `auto` is text on a terminal and JSON elsewhere.
  package enum LogFormat: String, CaseIterable, Sendable { case auto, json, text }
  /// Which organisation a new account joins.
  package enum SignUpOrganization: String, CaseIterable, Sendable { case `default`, personal, invited }

  /// `profile`.
  package let profile: Profile
  /// `role`.
  package let role: Role
  /// `host`: the address to listen at.
  package let host: String
  /// `port`: 0 takes a free one.
  package let port: Int
  /// `grpcPort`: 0 takes a free one, as does leaving it out where `port` is 0.
  package let grpcPort: Int
  /// `grpc`.
  package let grpc: GRPC
  /// `intelligence`.
  package let intelligence: IntelligenceSide
  /// `data`: the folder of the `offline` profile's database, absolute.
  package let dataDirectory: String
  /// `databaseURL`: PostgreSQL, for the `production` profile.
  package let databaseURL: Secret?
  /// `database`.
  package let database: Database
  /// `models`.
  package let models: ModelTargets
  /// `telemetry`: where traces go.
  package let telemetry: Telemetry
  /// `egress`: what may be called.
  package let egress: Egress
  /// `cors.origins`: origins whose pages may call the contract in a browser; `*` stands for all.
  package let corsOrigins: [String]
  /// `mcp.hosts`: names that `/mcp` is called by, without ports, besides those of an address that only this machine
  /// reaches.
  package let mcpHosts: [String]
  /// `mcp.textBytes`: of a document's text in one answer of `/mcp`.
  package let mcpTextBytes: Int
  /// `log.level`.
  package let logLevel: LogLevel
  /// `log.format`.
  package let logFormat: LogFormat
  /// `signup.organization`.
  package let signUpOrganization: SignUpOrganization
  /// `shutdown.grace`: how long open streams may go on after SIGTERM.
  package let shutdownGrace: Duration
  /// `limits`.
  package let limits: Limits
  /// `quotas`.
  package let quotas: QuotaSettings
  /// `budgets`.
  package let budgets: BudgetSettings
  /// `passwords`.
  package let passwords: Passwords
  /// `apiKeys`.
  package let apiKeys: APIKeys
  /// `authentication.memory`: for how long a caller is not looked up again.
  package let callerLifetime: Duration
  /// `embedding`.
  package let embedding: Embedding
  /// `similarity`.
  package let similarity: Similarity
  /// `ingestion`.
  package let ingestion: Ingestion
  /// `collections`.
  package let collections: Collections
  /// `extraction`.
  package let extraction: Extraction
  /// `chunking`.
  package let chunking: Chunking
  /// `retrieval`.
  package let retrieval: Retrieval
  /// `chat`.
  package let chat: Chat
  /// `cache.responses`; `nil` keeps no replies.
  package let responseCache: ResponseCacheSettings?
  /// `events.retention`: how long an event is kept, handed on or not.
  package let eventRetention: Duration
  /// `metrics.maximumLabelSets`: label sets that one metric holds.
  package let maximumLabelSets: Int

  /// Every value by key, as `opentier config show` prints it.
  package let effectiveValues: [EffectiveValue]
  /// What looks like a mistake but is none for sure: environment variables that begin with `OPENTIER_` and are not
  /// known.
  package let warnings: [String]

  /// How gRPC is served.
  package struct GRPC: Sendable {
    /// `grpc.tls`; `nil` serves without.
    package let tls: TLS?
    /// `grpc.keepalive.interval`: a connection that is silent so long is pinged.
    package let keepaliveInterval: Duration
    /// `grpc.keepalive.timeout`: a connection whose client does not answer a ping for so long is closed.
    package let keepaliveTimeout: Duration
    /// `grpc.maximumStreams`: open calls of one connection.
    package let maximumStreams: Int
    /// `grpc.maximumConnectionAge`: a connection is closed after that, as its open calls allow; `nil` never is.
    package let maximumConnectionAge: Duration?

    /// How gRPC's connections are secured; the files are absolute paths.
    package struct TLS: Sendable {
      /// `grpc.tls.certificate`: PEM, the server's first.
      package let certificate: String
      /// `grpc.tls.key`: PEM.
      package let key: String
      /// `grpc.tls.clientCA`: PEM; clients must present a certificate that comes from one of these.
      package let clientCA: String?
    }
  }

  /// How the two halves find and trust each other, where they are apart.
  package struct IntelligenceSide: Sendable {
    /// How a gateway shares its calls among several processes.
    package enum Policy: String, CaseIterable, Sendable { case roundRobin, leastConnections, weighted, organization }

    /// `intelligence.addresses`: where a gateway calls.
    package let addresses: [String]
    /// `intelligence.policy`.
    package let policy: Policy
    /// `intelligence.secret`: what a gateway shows, the same on both sides.
    package let secret: Secret?
    /// `intelligence.tls`; `nil` is plain HTTP/2.
    package let tls: TLS?
    /// `intelligence.healthInterval`: between two questions whether a process serves.
    package let healthInterval: Duration
    /// `intelligence.connectTimeout`: how long a call waits for a process that did not serve just now.
    package let connectTimeout: Duration

    /// Certificates of both sides, in PEM files.
    package struct TLS: Sendable {
      /// `intelligence.tls.ca`: the other side's certificate must come from one of these.
      package let ca: String
      /// `intelligence.tls.certificate`: this side's.
      package let certificate: String
      /// `intelligence.tls.key`.
      package let key: String
    }
  }

  /// How PostgreSQL is used.
  package struct Database: Sendable {
    /// When missing migrations are applied.
    package enum Migrations: String, CaseIterable, Sendable { case start, manual }

    /// `database.migrationURL`: a login that may change the schema; `nil` when that of `databaseURL` may.
    package let migrationURL: Secret?
    /// `database.migrations`: at the start of a server, or only by `opentier migrate`.
    package let migrations: Migrations
    /// `database.minimumConnections`: kept open while idle.
    package let minimumConnections: Int
    /// `database.maximumConnections`: open at once, without the one that listens.
    package let maximumConnections: Int
    /// `database.idleTimeout`: an idle connection above the minimum is closed after that.
    package let idleTimeout: Duration
    /// `database.maximumLifetime`: a connection is replaced after that.
    package let maximumLifetime: Duration
    /// `database.checkoutTimeout`: how long a call waits for a connection.
    package let checkoutTimeout: Duration
    /// `database.outageTolerance`: when connecting has failed for longer, calls no longer wait but fail at once.
    package let outageTolerance: Duration
    /// `database.healthCheckAfter`: a connection that was idle so long is checked before it is used.
    package let healthCheckAfter: Duration
    /// `database.connectTimeout`: for one attempt to connect.
    package let connectTimeout: Duration
    /// `database.statementTimeout`: for one statement.
    package let statementTimeout: Duration
    /// `database.startTimeout`: how long a starting server waits for the database.
    package let startTimeout: Duration
    /// `database.tools`: the folder of `pg_dump` and `pg_restore`; `nil` looks on the `PATH`.
    package let tools: String?
  }

  /// The most bytes of request bodies.
  package struct Limits: Sendable {
    /// `limits.requestBody`: of every route without a limit of its own.
    package let requestBody: Int
    /// `limits.chatBody`: of a question.
    package let chatBody: Int
    /// `limits.completionBody`: of a request to the OpenAI-compatible API, pictures included.
    package let completionBody: Int
    /// `limits.mcpBody`: of a message to `/mcp`.
    package let mcpBody: Int
    /// `limits.submissionBody`: of a submission as JSON.
    package let submissionBody: Int
    /// `limits.uploadBody`: of a submission as a form with a file.
    package let uploadBody: Int
  }

  /// Limits of API keys.
  package struct APIKeys: Sendable {
    /// `apiKeys.maximumPerUser`: keys of one user that have not expired.
    package let maximumPerUser: Int
    /// `apiKeys.defaultLifetime`: of a key whose maker does not say.
    package let defaultLifetime: Duration
    /// `apiKeys.maximumLifetime`.
    package let maximumLifetime: Duration
  }

  /// How passwords are hashed.
  package struct Passwords: Sendable {
    /// `passwords.cost`: bcrypt's, 4 to 15.
    package let cost: Int
    /// `passwords.threads`: hashes computed at once.
    package let threads: Int
    /// `passwords.queue`: how many more may wait.
    package let queue: Int
  }

  /// The embedder in this process, and those at an address.
  package struct Embedding: Sendable {
    /// `embedding.model`: what passages are embedded with, ``builtIn`` or an endpoint's name.
    package let model: String
    /// `embedding.endpoints`, by name.
    package let endpoints: [EmbeddingEndpoint]
    /// `embedding.threads`.
    package let threads: Int
    /// `embedding.modelDirectory`: holds `model.safetensors` and `vocab.txt`, absolute.
    package let modelDirectory: String
    /// `embedding.arithmetic`: what the model's dense layers compute in.
    package let arithmetic: Arithmetic

    /// Names of the embedder's own, checked there: `auto` takes the fastest that gives the same vectors as `f32`.
    package enum Arithmetic: String, CaseIterable, Sendable { case auto, bf16, int16, f32 }
  }

  /// The pipeline's workers.
  package struct Ingestion: Sendable {
    /// `ingestion.workers`: jobs at once, those that wait between two stages included.
    package let workers: Int
    /// `ingestion.maximumBytes`: of the submissions that are worked on at once.
    package let maximumBytes: Int
    /// `ingestion.batchSize`: the most texts of a batch for the embedder.
    package let batchSize: Int
    /// `ingestion.stageLimit`: how long a job may stay in a stage without any progress.
    package let stageLimit: Duration
    /// `ingestion.maximumAttempts`: before a job has failed for good.
    package let maximumAttempts: Int
    /// `ingestion.lease`: how long a worker that says nothing keeps its job.
    package let lease: Duration
  }

  /// How sources that bring many documents are read.
  package struct Collections: Sendable {
    /// `collections.pace`: between two requests to one host.
    package let pace: Duration
    /// `collections.maximumPace`: the longest that a site's `robots.txt` can ask for.
    package let maximumPace: Duration
    /// `collections.fetchTimeout`: for one page.
    package let fetchTimeout: Duration
    /// `collections.maximumPageBytes`: of one page, or of what a URL names.
    package let maximumPageBytes: Int
    /// `collections.maximumOpenJobs`: of one collection at once.
    package let maximumOpenJobs: Int
    /// `collections.maximumItems`: files of a repository, or lines of a bulk import.
    package let maximumItems: Int
    /// `collections.maximumBytes`: that one run hands on.
    package let maximumBytes: Int
    /// `collections.maximumDuration`: of one run.
    package let maximumDuration: Duration
  }

  /// How submissions are compared with documents and with each other, for whoever reviews them.
  package struct Similarity: Sendable {
    /// `similarity.threshold`: the least share of the texts, in percent, that is told.
    package let threshold: Int
    /// `similarity.limit`: the most documents that are told, and the most submissions.
    package let limit: Int
    /// `similarity.pending`: with how many other pending submissions, the newest, one is compared.
    package let pending: Int
    /// `similarity.pendingTime`: for how long those that are not known yet are read for one comparison.
    package let pendingTime: Duration
  }

  /// How texts are cut.
  package struct Chunking: Sendable {
    /// `chunking.maximumTokens`: of a chunk, in the embedder's tokens.
    package let maximumTokens: Int
    /// `chunking.overlapTokens`: shared by neighbours; less than half of the maximum.
    package let overlapTokens: Int
    /// `chunking.maximumChunks`: of one document.
    package let maximumChunks: Int
  }

  /// How passages are found.
  package struct Retrieval: Sendable {
    /// How a search by words and one by meaning become one.
    package enum Fusion: String, CaseIterable, Sendable {
      /// By their scores.
      case convex
      /// By their ranks.
      case reciprocalRank
    }

    /// `retrieval.depth`: candidates of each kind of search before they are fused.
    package let depth: Int
    /// `retrieval.fusion`.
    package let fusion: Fusion
    /// `retrieval.semanticWeight`: of meaning against words in a convex fusion, 0 to 1.
    package let semanticWeight: Double
    /// `retrieval.fusionConstant`: k of reciprocal rank fusion.
    package let fusionConstant: Int
    /// `retrieval.feedbackPassages`: the best passages that move the question; 0 for none.
    package let feedbackPassages: Int
    /// `retrieval.feedbackWeight`: how much their mean counts beside the question.
    package let feedbackWeight: Double
    /// `retrieval.parts`: the sentences of a question that are searched for by themselves; 0 for none.
    package let parts: Int
    /// `retrieval.partsWeight`: what they count together beside the whole, 0 to 1.
    package let partsWeight: Double
    /// `retrieval.diversity`: what relevance weighs against being unlike what stands before, 0 to 1; 1 for relevance alone.
    package let diversity: Double
    /// `retrieval.reranker`: a model that judges the best passages anew; `nil` for none.
    package let reranker: Reranker?
    /// `retrieval.limit`: hits where the client names no number.
    package let limit: Int
    /// `retrieval.efSearch`: candidates that PostgreSQL's vector index looks at.
    package let efSearch: Int
  }

  /// A model that judges how well passages answer a question.
  package struct Reranker: Sendable {
    /// `retrieval.reranker.baseURL`: the address up to and without `/rerank`, without a slash at the end.
    package let baseURL: String
    /// `retrieval.reranker.model`: its name there.
    package let model: String
    /// `retrieval.reranker.apiKey`.
    package let apiKey: Secret?
    /// `retrieval.reranker.timeout`: of one call; then passages stay in the order that they were found in.
    package let timeout: Duration
    /// `retrieval.reranker.depth`: how many of the best passages it judges.
    package let depth: Int
  }

  /// How replies of models are kept.
  package struct ResponseCacheSettings: Sendable {
    /// `cache.responses.maximumBytes`: of all replies that are kept, their requests included; 0 keeps none.
    package let maximumBytes: Int
    /// `cache.responses.maximumEntryBytes`: of one, its request included.
    package let maximumEntryBytes: Int
    /// `cache.responses.timeToLive`: how long a reply is kept.
    package let timeToLive: Duration
  }

  /// How questions are answered.
  package struct Chat: Sendable {
    /// `chat.maximumSources`: passages given to the model.
    package let maximumSources: Int
    /// `chat.contextTokens`: tokens that those passages may have together.
    package let contextTokens: Int
    /// `chat.neighbours`: passages before and behind each one that was found which the model gets too, where there is room.
    package let neighbours: Int
    /// `chat.toolRounds`: how often a model may ask for tools before it has to answer; 0 offers it none.
    package let toolRounds: Int
    /// `chat.toolCalls`: tools that a model may ask for at once.
    package let toolCalls: Int
    /// `chat.toolTimeout`: of one call of a tool.
    package let toolTimeout: Duration
    /// `chat.toolResultBytes`: that one call returns to the model.
    package let toolResultBytes: Int
    /// `chat.keepAlive`: a comment goes out on a stream that is idle so long.
    package let keepAlive: Duration
    /// `chat.resumeWindow`: how long a resumable answer can be taken up after its end, or after its last reader has left.
    package let resumeWindow: Duration
    /// `chat.maximumResumable`: resumable answers that this process writes at once.
    package let maximumResumable: Int
    /// `chat.maximumResumablePerUser`: those of one user, in all processes together.
    package let maximumResumablePerUser: Int
    /// `chat.maximumResumableBytes`: of the text of one.
    package let maximumResumableBytes: Int
    /// `chat.maximumResumableEvents`: of one, which come in so many parts at most.
    package let maximumResumableEvents: Int
  }
}
