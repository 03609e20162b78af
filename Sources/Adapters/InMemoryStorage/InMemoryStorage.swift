package import Application

/// Everything the platform stores, in this process's memory: nothing outlives it.
///
/// For tests, demos and the `memory` profile. It holds the same contract as the durable adapters, and one lock guards
/// all of it, so that each call is a transaction.
package struct InMemoryStorage: Sendable {
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

  /// Makes an empty store.
  package init() {
    let store = InMemoryStore()
    users = InMemoryUserRepository(store)
    sessions = InMemorySessionRepository(store)
    apiKeys = InMemoryAPIKeyRepository(store)
    conversations = InMemoryConversationRepository(store)
    memories = InMemoryMemoryRepository(store)
    submissions = InMemorySubmissionRepository(store)
    documents = InMemoryDocumentRepository(store)
    jobQueue = InMemoryJobQueue(store)
    jobs = InMemoryJobRepository(store)
    collections = InMemoryCollectionLedger(store)
    passages = InMemoryPassageIndex(store)
    embeddingModels = InMemoryEmbeddingModelCatalog(store)
    outbox = InMemoryEventOutbox(store)
    usage = InMemoryUsageLedger(store)
    usageCounters = InMemoryUsageCounters(store)
    budgets = InMemoryBudgetRepository(store)
  }
}
