package import Application

/// Everything the platform stores, in one PostgreSQL database that any number of replicas share.
///
/// It expects the current schema: who opens it has run the migrator before.
package struct PostgresStorage: Sendable {
  /// The accounts.
  package let users: any UserRepository
  /// The signed-in sessions.
  package let sessions: any SessionRepository
  /// The API keys.
  package let apiKeys: any APIKeyRepository
  /// Conversations and messages.
  package let conversations: any ConversationRepository
  /// What people have said about themselves.
  package let memories: any MemoryRepository
  /// Submissions of knowledge.
  package let submissions: any SubmissionRepository
  /// Published documents.
  package let documents: any DocumentRepository
  /// The queue of ingestion jobs, for workers.
  package let jobQueue: any JobQueue
  /// The ingestion jobs, for submitters.
  package let jobs: any JobRepository
  /// The items of collections.
  package let collections: any CollectionLedger
  /// The chunks, for search.
  package let passages: any PassageIndex
  /// Which model's vectors serve.
  package let embeddingModels: any EmbeddingModelCatalog
  /// The answers that are being written, and the events of those that can be taken up.
  package let replies: any ReplyLog
  /// The events, for whoever hands them on.
  package let outbox: any EventOutbox
  /// What calls have used and may use.
  package let usage: any UsageLedger
  /// The counters that it keeps, for whoever removes those that are of no use any more.
  package let usageCounters: any UsageCounters
  /// The budgets.
  package let budgets: any BudgetRepository

  private let database: PostgresDatabase

  /// Opens the pool and looks whether the database answers and has the schema.
  ///
  /// - Throws: `.unavailable` with what to do.
  package init(
    configuration: PostgresConfiguration, search: PostgresSearchSettings = PostgresSearchSettings(),
    diagnostics: @escaping PostgresDiagnostics = { _ in }
  ) async throws(StorageFailure) {
    let database = PostgresDatabase(configuration: configuration, diagnostics: diagnostics)
    self.database = database
    users = PostgresUserRepository(database)
    sessions = PostgresSessionRepository(database)
    apiKeys = PostgresAPIKeyRepository(database)
    conversations = PostgresConversationRepository(database)
    memories = PostgresMemoryRepository(database)
    submissions = PostgresSubmissionRepository(database)
    documents = PostgresDocumentRepository(database)
    jobQueue = PostgresJobQueue(database)
    jobs = PostgresJobRepository(database)
    collections = PostgresCollectionLedger(database)
    passages = PostgresPassageIndex(database, settings: search)
    embeddingModels = PostgresEmbeddingModelCatalog(database)
    replies = PostgresReplyLog(database)
    outbox = PostgresEventOutbox(database)
    usage = PostgresUsageLedger(database)
    usageCounters = PostgresUsageCounters(database)
    budgets = PostgresBudgetRepository(database)
    do throws(StorageFailure) {
      try await checkConnection()
    } catch {
      await database.close()
      throw error
    }
  }

  /// Whether the database answers and has the tables: for readiness checks.
  package func checkConnection() async throws(StorageFailure) {
    _ = try await database.query(
      in: nil, readOnly: true, "SELECT FROM users, document_chunks, ingestion_jobs, outbox LIMIT 0")
  }

  /// Closes the connections when what runs has ended; no other call may follow.
  package func close() async { await database.close() }
}
