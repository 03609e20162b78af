import Application
import Domain
import Foundation
import PostgresStorage

/// A tenant with a random amount of everything, and the ids of one of each.
struct SettledTenant: Sendable {
  let tenant: TestTenant
  let user: User
  let session: Session
  let conversation: Conversation
  let message: ChatMessage
  let pending: KnowledgeSubmission
  let document: DocumentID
  let revision: RevisionID
  let chunk: ChunkID
  let failedJob: JobID
  let leasedJob: ClaimedJob
  /// What both tenants have, each for itself.
  let source = "file:/shared"

  var id: OrganizationID { tenant.id }
  var owner: Owner { Owner(organizationID: id, userID: user.id) }

  init(in storage: PostgresStorage, _ random: inout SplitMix64) async throws {
    let tenant = TestTenant()
    self.tenant = tenant
    var users: [User] = []
    for index in 0..<Int.random(in: 1...4, using: &random) {
      users.append(try await tenant.signUp("user\(index)-\(tenant.id)@example.org", in: storage))
    }
    let user = users[0]
    self.user = user
    let session = Session(
      id: SessionID(UUID()), userID: user.id, organizationID: tenant.id, role: .admin, createdAt: .instant(0),
      expiresAt: .instant(9_999), ipAddress: "2001:db8::1", userAgent: "test")
    self.session = session
    try await storage.sessions.insert(session, tokenHash: Self.token(of: tenant.id))

    let owner = Owner(organizationID: tenant.id, userID: user.id)
    var conversations: [(Conversation, ChatMessage)] = []
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      conversations.append(try await tenant.converse(as: owner, in: storage))
    }
    (conversation, message) = conversations[0]

    for index in 0..<Int.random(in: 0...3, using: &random) {
      try await tenant.publish("zebra \(index)", in: storage)
    }
    let draft = RevisionDraft.of("shared zebra", vector: [1, 0])
    try await tenant.queueJob(tenant.submission(sourceURI: source), in: storage)
    let publication = try await storage.jobQueue.publish(
      draft, under: tenant.claim(in: storage).lease, at: .instant(10))
    guard case .created(let document, let revision) = publication else { throw StorageFailure.conflict("document") }
    (self.document, self.revision, chunk) = (document, revision, draft.chunks[0].id)

    let pending = tenant.submission()
    self.pending = pending
    try await storage.submissions.insert(pending, content: .text("secret of \(tenant.id)"))
    failedJob = try await tenant.queueJob(in: storage)
    try await storage.jobQueue.fail("no", retryAt: nil, under: tenant.claim(in: storage).lease, at: .instant(11))
    try await tenant.queueJob(in: storage)
    leasedJob = try await tenant.claim(in: storage)
  }

  /// The hash of its session's token.
  var tokenHash: SecretHash { Self.token(of: id) }

  private static func token(of id: OrganizationID) -> SecretHash {
    SecretHash(Array(id.description.utf8.prefix(32)))
  }
}

extension TestTenant {
  /// The only job that is due.
  func claim(in storage: PostgresStorage) async throws -> ClaimedJob {
    guard let claimed = try await storage.jobQueue.claim(by: "test", at: .instant(5), leaseFor: 100_000),
      claimed.job.organizationID == id
    else { throw StorageFailure.notFound }
    return claimed
  }

  func signUp(_ address: String, in storage: PostgresStorage) async throws -> User {
    guard let email = EmailAddress(address) else { throw StorageFailure.corrupt("address") }
    return try await storage.users.insert(
      User(
        id: UserID(UUID()), organizationID: id, email: email, displayName: address, role: .contributor,
        createdAt: .instant(0), updatedAt: .instant(0)), passwordHash: PasswordHash("$2b$"), roleIfFirst: nil)
  }

  func converse(as owner: Owner, in storage: PostgresStorage) async throws -> (Conversation, ChatMessage) {
    let conversation = Conversation(
      id: ConversationID(UUID()), organizationID: owner.organizationID, userID: owner.userID, title: "Title",
      createdAt: .instant(0), updatedAt: .instant(0))
    try await storage.conversations.insert(conversation)
    let message = ChatMessage(
      id: MessageID(UUID()), conversationID: conversation.id, parentID: nil, role: .user, content: "of \(id)",
      createdAt: .instant(1))
    try await storage.conversations.append(message, of: owner)
    return (conversation, message)
  }
}
