import Application
import InMemoryStorage
import Logging
import PostgresStorage
import SQLiteStorage
import Settings

/// The storage of a profile: the one place that decides which.
struct Storage: Sendable {
  let users: any UserRepository
  let sessions: any SessionRepository
  let apiKeys: any APIKeyRepository
  let conversations: any ConversationRepository
  let memories: any MemoryRepository
  let submissions: any SubmissionRepository
  let documents: any DocumentRepository
  let jobQueue: any JobQueue
  let jobs: any JobRepository
  let collections: any CollectionLedger
  let passages: any PassageIndex
  let embeddingModels: any EmbeddingModelCatalog
  let replies: any ReplyLog
  let outbox: any EventOutbox
  let usage: any UsageLedger
  let usageCounters: any UsageCounters
  let budgets: any BudgetRepository
  /// Whether it answers.
  let check: @Sendable () async throws -> Void
  /// Loads the vectors of a model before the first search needs them.
  let warm: @Sendable (_ model: String) async throws -> Void
  /// Hears of what other processes did, where the storage can tell.
  let listener: PostgresListener?
  private let closing: @Sendable () async throws -> Void

  /// Opens the storage that the configuration's profile asks for.
  ///
  /// - Parameter isServer: whether a server opens it, which waits for its database and applies missing migrations.
  static func open(_ configuration: ServerConfiguration, isServer: Bool, logger: Logger) async throws -> Storage {
    switch configuration.profile {
    case .memory: return Storage(InMemoryStorage())
    case .offline:
      do {
        let onFull = SQLiteLogging.onFull(logger, directory: configuration.dataDirectory)
        return Storage(try SQLiteStorage(directory: configuration.dataDirectory, onFull: onFull))
      } catch let failure as StorageFailure {
        throw CommandFailure(.unavailable, "the data folder \(configuration.dataDirectory): \(failure.words)")
      } catch {
        throw CommandFailure(.failure, "\(error)")
      }
    case .production:
      return try await PostgresOpening(configuration, logger: logger).open(isServer: isServer)
    }
  }

  private init(_ storage: InMemoryStorage) {
    users = storage.users
    sessions = storage.sessions
    apiKeys = storage.apiKeys
    conversations = storage.conversations
    memories = storage.memories
    submissions = storage.submissions
    documents = storage.documents
    jobQueue = storage.jobQueue
    jobs = storage.jobs
    collections = storage.collections
    passages = storage.passages
    embeddingModels = storage.embeddingModels
    replies = InMemoryReplyLog()
    outbox = storage.outbox
    usage = storage.usage
    usageCounters = storage.usageCounters
    budgets = storage.budgets
    check = {}
    warm = { _ in }
    listener = nil
    closing = {}
  }

  private init(_ storage: SQLiteStorage) {
    users = storage.users
    sessions = storage.sessions
    apiKeys = storage.apiKeys
    conversations = storage.conversations
    memories = storage.memories
    submissions = storage.submissions
    documents = storage.documents
    jobQueue = storage.jobQueue
    jobs = storage.jobs
    collections = storage.collections
    passages = storage.passages
    embeddingModels = storage.embeddingModels
    replies = InMemoryReplyLog()
    outbox = storage.outbox
    usage = storage.usage
    usageCounters = storage.usageCounters
    budgets = storage.budgets
    check = { try await storage.checkConnection() }
    warm = { try await storage.loadVectors(of: $0) }
    listener = nil
    closing = { try storage.close() }
  }

  init(_ storage: PostgresStorage, listener: PostgresListener) {
    users = storage.users
    sessions = storage.sessions
    apiKeys = storage.apiKeys
    conversations = storage.conversations
    memories = storage.memories
    submissions = storage.submissions
    documents = storage.documents
    jobQueue = storage.jobQueue
    jobs = storage.jobs
    collections = storage.collections
    passages = storage.passages
    embeddingModels = storage.embeddingModels
    replies = storage.replies
    outbox = storage.outbox
    usage = storage.usage
    usageCounters = storage.usageCounters
    budgets = storage.budgets
    check = { try await storage.checkConnection() }
    warm = { _ in }
    self.listener = listener
    closing = { await storage.close() }
  }

  /// Closes it; no call may follow.
  func close() async throws { try await closing() }
}

extension StorageFailure {
  /// The failure in words, for whoever runs the process.
  var words: String {
    switch self {
    case .notFound: "not found"
    case .conflict(let what): "\(what) is taken"
    case .unavailable(let why), .full(let why), .corrupt(let why): why
    case .cancelled: "cancelled"
    }
  }
}
