import Application
import Domain
import FoundationEssentials

/// All rows, by id.
struct StoreState: Sendable {
  var users: [UserID: UserRow] = [:]
  var sessions: [SessionID: SessionRow] = [:]
  var apiKeys: [APIKeyID: APIKeyRow] = [:]
  var conversations: [ConversationID: Conversation] = [:]
  var messages: [MessageID: ChatMessage] = [:]
  var memories: [MemoryID: UserMemory] = [:]
  var submissions: [SubmissionID: SubmissionRow] = [:]
  var jobs: [JobID: JobRow] = [:]
  /// By the job that does them.
  var collectionRuns: [JobID: CollectionRun] = [:]
  var collectionItems: [CollectionKey: [String: CollectionItemRow]] = [:]
  /// In the order in which they were written.
  var outbox: [OutboxRow] = []
  var usageCounters: [UsageCounterKey: UsageCounter] = [:]
  /// The open reservations.
  var meteredCalls: [UsageCallID: MeteredCall] = [:]
  var usageRecords: [UsageCallID: UsageRecord] = [:]
  var budgets: [BudgetID: Budget] = [:]
  /// In the order in which they were written.
  var auditEntries: [AuditEntry] = []
  var documents: [DocumentID: DocumentRow] = [:]
  var revisions: [RevisionID: RevisionRow] = [:]
  var chunks: [ChunkID: ChunkRow] = [:]
  var vectors: [String: [ChunkID: Embedding]] = [:]
  /// The model whose vectors serve.
  var servingModel: ServingModel?
  /// The width of each model's vectors, as the first ones had it.
  var dimensions: [String: Int] = [:]

  /// Writes an event, for the change of which the caller makes the rest.
  mutating func record(_ event: DomainEvent) { outbox.append(OutboxRow(event: event)) }

  /// The name that others see of a user, deleted or not; its id where there is no such account.
  func displayName(of user: UserID) -> String { users[user]?.user.displayName ?? user.description }
}

/// An account with what signs it in.
struct UserRow: Sendable {
  var user: User
  let hash: PasswordHash?
}

/// A session with the hash that finds it.
struct SessionRow: Sendable {
  let session: Session
  let tokenHash: SecretHash
}

/// An API key with the hash that finds it.
struct APIKeyRow: Sendable {
  var key: APIKey
  let hash: SecretHash
}

/// Whose calls a counter counts.
struct UsageCounterKey: Hashable, Sendable {
  let organizationID: OrganizationID
  let scope: UsageScope
  let subject: UUID
}

/// A submission with its bytes.
struct SubmissionRow: Sendable {
  var submission: KnowledgeSubmission
  let content: SubmissionContent
}

/// A job with what only the queue knows of it.
struct JobRow: Sendable {
  var job: IngestionJob
  var lease: Lease?
  var runAfter: Date?

  /// Who holds the job until when.
  struct Lease: Sendable {
    let worker: String
    let token: UUID
    var expiresAt: Date
  }
}

/// A tenant's collection.
struct CollectionKey: Hashable, Sendable {
  let organizationID: OrganizationID
  let hash: SecretHash
}

/// What is known of an item of a collection.
struct CollectionItemRow: Sendable {
  var item: CollectionItem
  /// The last run that met it.
  var run: JobID?
  /// What ingests it, or did.
  var job: JobID?
  var byteCount = 0
  var reason: String?
}

/// An event and whether somebody has it.
struct OutboxRow: Sendable {
  let event: DomainEvent
  var lease: Lease?
  var isDelivered = false

  /// Which claim holds the event until when.
  struct Lease: Sendable {
    let token: UUID
    let expiresAt: Date
  }
}

/// What of a document does not change with its revisions.
struct DocumentRow: Sendable {
  let id: DocumentID
  let organizationID: OrganizationID
  var sourceURI: String?
  let createdAt: Date
  var revisionIDs: [RevisionID]
}

/// A revision with its text.
struct RevisionRow: Sendable {
  var revision: DocumentRevision
  let text: String
  let metadata: Metadata
  let chunkIDs: [ChunkID]
}

/// A chunk with the statistics of its words.
struct ChunkRow: Sendable {
  let chunk: DocumentChunk
  let documentID: DocumentID
  let revisionID: RevisionID
  let organizationID: OrganizationID
  let words: WordCounts
}
