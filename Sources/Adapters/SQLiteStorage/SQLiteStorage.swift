package import Application

/// Everything the platform stores, in one SQLite file.
///
/// Several processes may have the file open at once: writes queue at SQLite's lock, and each process sees the others'
/// changes at its next call.
package struct SQLiteStorage: Sendable {
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
  /// What happened, for those who follow it.
  package let outbox: any EventOutbox
  /// What calls have used and may use.
  package let usage: any UsageLedger
  /// The counters that it keeps, for whoever removes those that are of no use any more.
  package let usageCounters: any UsageCounters
  /// The budgets.
  package let budgets: any BudgetRepository

  private let database: SQLiteDatabase
  private let ledger: SQLiteUsageLedger
  private let vectors: VectorIndex

  /// Opens `<directory>/opentier.db`, made on first use and readable by its owner alone, and brings its schema up to
  /// date.
  ///
  /// - Parameters:
  ///   - directory: the data directory, made with mode 0700 where it is missing.
  ///   - busyTimeout: how long a call waits for another process's write before it fails as unavailable, in seconds.
  ///   - onFull: called, on any thread, whenever a call fails because there is no room; it must not block.
  /// - Throws: `MigrationFailure`, or `StorageFailure` when the file cannot be opened.
  package init(
    directory: String, busyTimeout: Double = SQLiteDatabase.defaultBusyTimeout,
    onFull: @escaping @Sendable () -> Void = {}
  ) throws {
    let path = try DataDirectory.prepare(directory)
    try SQLiteMigrator(path: path, busyTimeout: busyTimeout).up()
    try self.init(database: SQLiteDatabase(path: path, busyTimeout: busyTimeout, onFull: onFull))
  }

  private init(database: SQLiteDatabase) throws(StorageFailure) {
    self.database = database
    vectors = VectorIndex()
    users = SQLiteUserRepository(database)
    sessions = SQLiteSessionRepository(database)
    apiKeys = SQLiteAPIKeyRepository(database)
    conversations = SQLiteConversationRepository(database)
    memories = SQLiteMemoryRepository(database)
    submissions = SQLiteSubmissionRepository(database)
    documents = SQLiteDocumentRepository(database)
    jobQueue = SQLiteJobQueue(database)
    jobs = SQLiteJobRepository(database)
    collections = SQLiteCollectionLedger(database)
    passages = SQLitePassageIndex(database, vectors: vectors)
    embeddingModels = SQLiteEmbeddingModelCatalog(database, vectors: vectors)
    outbox = SQLiteEventOutbox(database)
    let journal = UsageJournal()
    ledger = SQLiteUsageLedger(database, journal)
    try ledger.takeOver()
    usage = ledger
    usageCounters = SQLiteUsageCounters(database, journal)
    budgets = SQLiteBudgetRepository(database, journal)
  }

  /// Whether the file answers: for readiness checks.
  package func checkConnection() async throws(StorageFailure) {
    try await database.read { db in try db.checkSchema() }
  }

  /// Loads a model's vectors into memory, so that the first search does not.
  package func loadVectors(of model: String) async throws(StorageFailure) {
    try await database.read { [vectors] db in _ = try vectors.synchronize(model, with: db) }
  }

  /// Writes what the file does not have yet, and closes it; no other call may follow.
  package func close() throws(StorageFailure) {
    let result = Result { () throws(StorageFailure) in try ledger.finish() }
    try database.close()
    try result.get()
  }
}
