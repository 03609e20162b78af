import Application
import Domain
import Foundation
import InMemoryStorage
import PostgresStorage
import PostgresTesting
import SQLiteStorage
import Testing

/// The storage adapters that hold the contract; each is a row of every test of it.
enum StorageUnderTest: CaseIterable, CustomTestStringConvertible, Sendable {
  case memory
  case sqlite
  case postgres

  /// The rows. PostgreSQL's is left out where there is no server, which ``PostgresRowTests`` shows as skipped; in CI it
  /// stays and fails.
  static var all: [Self] { allCases.filter { $0 != .postgres || PostgresTestServer.isWanted } }

  /// Those that keep replies of their own.
  static var withReplies: [Self] { all.filter { $0 != .sqlite } }

  var testDescription: String {
    switch self {
    case .memory: "in memory"
    case .sqlite: "SQLite"
    case .postgres: "PostgreSQL"
    }
  }

  /// Runs `body` with an empty store, which is gone afterwards.
  func withStorage(_ body: (OpenStorage) async throws -> Void) async throws {
    switch self {
    case .memory:
      try await body(OpenStorage(InMemoryStorage()))
    case .sqlite:
      try await withTemporaryFolder { folder in
        let storage = try SQLiteStorage(directory: folder)
        try await body(OpenStorage(storage))
        try storage.close()
      }
    case .postgres:
      try await withMigratedDatabase { url in
        var configuration = try PostgresConfiguration(url: url)
        // Many tests run at once, and the server has 100 connections unless it was told otherwise.
        configuration.maximumConnections = 6
        // A machine with much else to do is no failure.
        configuration.connectTimeout = 30
        configuration.checkoutTimeout = 30
        let storage = try await PostgresStorage(configuration: configuration)
        let result: Result<Void, any Error>
        do { result = .success(try await body(OpenStorage(storage))) } catch { result = .failure(error) }
        await storage.close()
        try result.get()
      }
    }
  }
}

/// A report shows a row that ends early as passed, so what is left out is shown by a test of its own.
@Suite("Storage contract: PostgreSQL's row", .needsPostgres)
struct PostgresRowTests {
  @Test("PostgreSQL is a row of every test of the contract")
  func isThere() async throws {
    #expect(StorageUnderTest.all.contains(.postgres))
    try await StorageUnderTest.postgres.withStorage { storage in
      let users = try await storage.users.users(in: organization, page: PageRequest())
      #expect(users.items.isEmpty)
    }
  }
}

/// The ports of a store, whichever adapter is behind them.
struct OpenStorage: Sendable {
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
  let outbox: any EventOutbox
  let usage: any UsageLedger
  let usageCounters: any UsageCounters
  let budgets: any BudgetRepository
  /// SQLite keeps none: beside it the server takes the one in memory.
  let replies: any ReplyLog

  init(_ storage: InMemoryStorage) {
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
    outbox = storage.outbox
    usage = storage.usage
    usageCounters = storage.usageCounters
    budgets = storage.budgets
    replies = InMemoryReplyLog()
  }

  init(_ storage: SQLiteStorage) {
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
    outbox = storage.outbox
    usage = storage.usage
    usageCounters = storage.usageCounters
    budgets = storage.budgets
    replies = InMemoryReplyLog()
  }

  init(_ storage: PostgresStorage) {
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
    outbox = storage.outbox
    usage = storage.usage
    usageCounters = storage.usageCounters
    budgets = storage.budgets
    replies = storage.replies
  }
}

/// Runs `body` with the path of a new folder, which is removed afterwards.
func withTemporaryFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  let folder = FileManager.default.temporaryDirectory.appending(path: "opentier-test-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  let result: Result<Value, any Error>
  do { result = .success(try await body(folder.path())) } catch { result = .failure(error) }
  try FileManager.default.removeItem(at: folder)
  return try result.get()
}
