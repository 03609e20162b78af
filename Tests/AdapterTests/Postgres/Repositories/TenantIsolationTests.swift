import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Testing

@Suite("PostgreSQL: no method of a repository reaches another tenant", .needsPostgres)
struct TenantIsolationTests {
  @Test("with the other's ids nothing is found and nothing changes", arguments: 0..<3)
  func foreignIDs(_ seed: Int) async throws {
    var random = SplitMix64(seed: UInt64(seed))
    try await withReplicas { storages, url in
      let storage = storages[0]
      let tenants = [
        try await SettledTenant(in: storage, &random), try await SettledTenant(in: storage, &random),
      ]
      for (own, other) in [(tenants[0], tenants[1]), (tenants[1], tenants[0])] {
        let before = try await rows(of: other.id, at: url)
        try await expectNothingFound(in: storage, as: own, of: other)
        try await expectNothingWritten(in: storage, as: own, of: other)
        try await expectLeasesRefused(in: storage, as: own, of: other)
        #expect(try await rows(of: other.id, at: url) == before)
      }
    }
  }

  @Test("lists and searches give the tenant's own alone", arguments: 0..<3)
  func lists(_ seed: Int) async throws {
    var random = SplitMix64(seed: UInt64(100 + seed))
    try await withReplicas { storages, _ in
      let storage = storages[0]
      let tenants = [
        try await SettledTenant(in: storage, &random), try await SettledTenant(in: storage, &random),
      ]
      let page = PageRequest()
      for (own, other) in [(tenants[0], tenants[1]), (tenants[1], tenants[0])] {
        let users = try await storage.users.users(in: own.id, page: page).items
        #expect(users.contains(own.user) && users.allSatisfy { $0.organizationID == own.id })
        let conversations = try await storage.conversations.conversations(of: own.owner, page: page).items
        #expect(!conversations.isEmpty && conversations.allSatisfy { $0.organizationID == own.id })
        for status in [nil, .pending, .approved] as [SubmissionStatus?] {
          let submissions = try await storage.submissions.submissions(
            in: own.id, status: status, contributor: nil, page: page
          ).items
          #expect(!submissions.isEmpty && submissions.allSatisfy { $0.organizationID == own.id })
        }
        let documents = try await storage.documents.documents(in: own.id, page: page).items
        #expect(!documents.isEmpty && documents.allSatisfy { $0.organizationID == own.id })
        for state in [nil, .failed, .indexed, .extracting] as [IngestionJob.State?] {
          let jobs = try await storage.jobs.jobs(in: own.id, state: state, page: page).items
          #expect(!jobs.isEmpty && jobs.allSatisfy { $0.organizationID == own.id })
        }
        let scope = SearchScope(organizationID: own.id)
        let found =
          try await storage.passages.lexical("zebra", in: scope, limit: 100).map(\.id)
          + storage.passages.semantic(Embedding([1, 0]), model: "model", in: scope, limit: 100).map(\.id)
        #expect(found.contains(own.chunk))
        #expect(!found.contains(other.chunk))
        #expect(try await storage.passages.passages(found, in: other.id).isEmpty)
      }
    }
  }

  private func expectNothingFound(
    in storage: PostgresStorage, as own: SettledTenant, of other: SettledTenant
  ) async throws {
    // Another's user under one's own tenant, and the other way round.
    let strangers = [
      Owner(organizationID: own.id, userID: other.user.id), Owner(organizationID: other.id, userID: own.user.id),
    ]
    #expect(try await storage.users.user(other.user.id, in: own.id) == nil)
    #expect(try await storage.sessions.sessions(of: other.user.id, in: own.id, at: .instant(1)).isEmpty)
    #expect(try await storage.sessions.session(for: other.tokenHash, at: .instant(1))?.organizationID == other.id)
    for owner in strangers + [own.owner] {
      #expect(try await storage.conversations.conversation(other.conversation.id, of: owner) == nil)
      await #expect(throws: StorageFailure.notFound) {
        try await storage.conversations.messages(of: other.conversation.id, owner: owner)
      }
    }
    for owner in strangers {
      #expect(try await storage.conversations.conversations(of: owner, page: PageRequest()).items.isEmpty)
    }
    #expect(try await storage.submissions.submission(other.pending.id, in: own.id) == nil)
    #expect(try await storage.submissions.content(of: other.pending.id, in: own.id) == nil)
    let theirs = try await storage.submissions.submissions(
      in: own.id, status: nil, contributor: other.tenant.user, page: PageRequest())
    #expect(theirs.items.isEmpty)
    #expect(try await storage.documents.document(other.document, in: own.id) == nil)
    await #expect(throws: StorageFailure.notFound) {
      try await storage.documents.revisions(of: other.document, in: own.id)
    }
    for revision in [nil, other.revision] {
      await #expect(throws: StorageFailure.notFound) {
        try await storage.documents.text(of: other.document, revision: revision, in: own.id)
      }
    }
    await #expect(throws: StorageFailure.notFound) {
      try await storage.documents.text(of: own.document, revision: other.revision, in: own.id)
    }
    #expect(try await storage.jobs.job(other.failedJob, in: own.id) == nil)
    #expect(try await storage.passages.passages([other.chunk], in: own.id).isEmpty)
    let scope = SearchScope(organizationID: own.id, filters: SearchFilters(documentIDs: [other.document]))
    #expect(try await storage.passages.lexical("zebra", in: scope, limit: 10).isEmpty)
    #expect(try await storage.passages.semantic(Embedding([1, 0]), model: "model", in: scope, limit: 10).isEmpty)
  }

  private func expectNothingWritten(
    in storage: PostgresStorage, as own: SettledTenant, of other: SettledTenant
  ) async throws {
    let notFound: [@Sendable () async throws -> Void] = [
      { _ = try await storage.users.setRole(.admin, of: other.user.id, in: own.id, at: .instant(50)) },
      { try await storage.users.delete(other.user.id, in: own.id, at: .instant(50)) },
      { try await storage.sessions.delete(other.session.id, of: other.user.id, in: own.id) },
      { try await storage.sessions.delete(other.session.id, of: own.user.id, in: own.id) },
      {
        let session = Session(
          id: SessionID(UUID()), userID: other.user.id, organizationID: own.id, role: .admin, createdAt: .instant(0),
          expiresAt: .instant(99), ipAddress: nil, userAgent: nil)
        try await storage.sessions.insert(session, tokenHash: SecretHash([UInt8](repeating: 9, count: 32)))
      },
      { _ = try await storage.conversations.rename(other.conversation.id, of: own.owner, to: "x", at: .instant(50)) },
      { try await storage.conversations.delete(other.conversation.id, of: own.owner) },
      { try await storage.conversations.append(own.says(in: other.conversation.id, after: nil), of: own.owner) },
      // The other's message as the parent of one's own.
      {
        try await storage.conversations.append(
          own.says(in: own.conversation.id, after: other.message.id), of: own.owner)
      },
      {
        _ = try await storage.submissions.review(other.pending.id, in: own.id, enqueuing: nil) { found in
          .success(found)
        }
      },
      // A job of one's own for the other's submission.
      {
        let job = IngestionJob(
          id: JobID(UUID()), organizationID: own.id, submissionID: other.pending.id, createdAt: .instant(50),
          updatedAt: .instant(50))
        _ = try await storage.submissions.review(own.pending.id, in: own.id, enqueuing: job) { .success($0) }
      },
      { try await storage.documents.delete(other.document, in: own.id, at: .instant(50)) },
      { _ = try await storage.jobs.retry(other.failedJob, in: own.id, at: .instant(50)) },
    ]
    for (index, call) in notFound.enumerated() {
      await #expect(throws: StorageFailure.notFound, "call \(index)") { try await call() }
    }
    #expect(try await storage.sessions.deleteAll(of: other.user.id, in: own.id) == 0)
    try await storage.passages.store([other.chunk: Embedding([0, 1])], model: "model", in: own.id)
    // The other's id is taken, whatever the tenant.
    await #expect(throws: StorageFailure.conflict("submission")) {
      try await storage.submissions.insert(own.tenant.submission(id: other.pending.id), content: .text("mine"))
    }
  }

  private func expectLeasesRefused(
    in storage: PostgresStorage, as own: SettledTenant, of other: SettledTenant
  ) async throws {
    let (mine, theirs) = (own.leasedJob.lease, other.leasedJob.lease)
    let forged = [
      JobLease(jobID: theirs.jobID, organizationID: own.id, token: theirs.token),
      JobLease(jobID: theirs.jobID, organizationID: other.id, token: mine.token),
      JobLease(jobID: theirs.jobID, organizationID: own.id, token: mine.token),
    ]
    for lease in forged {
      await #expect(throws: LeaseFailure.lost) {
        try await storage.jobQueue.report(
          .chunking, progress: .init(done: 1, total: 1), under: lease, at: .instant(50), leaseFor: 1)
      }
      await #expect(throws: LeaseFailure.lost) {
        try await storage.jobQueue.fail("x", retryAt: nil, under: lease, at: .instant(50))
      }
      await #expect(throws: LeaseFailure.lost) { try await storage.jobQueue.release(lease, at: .instant(50)) }
      await #expect(throws: LeaseFailure.lost) {
        try await storage.jobQueue.publish(.of("x"), under: lease, at: .instant(50))
      }
    }
    // A revision of the other's document, and of a document of the same source.
    try await own.tenant.queueJob(own.tenant.submission(documentID: other.document), in: storage)
    let revising = try await own.tenant.claim(in: storage).lease
    await #expect(throws: LeaseFailure.documentGone) {
      try await storage.jobQueue.publish(.of("mine"), under: revising, at: .instant(50))
    }
    try await storage.jobQueue.fail("gone", retryAt: nil, under: revising, at: .instant(51))
    try await own.tenant.queueJob(own.tenant.submission(sourceURI: own.source), in: storage)
    let publication = try await storage.jobQueue.publish(
      .of("a new text"), under: own.tenant.claim(in: storage).lease, at: .instant(52))
    guard case .revised(own.document, _) = publication else {
      Issue.record("\(publication)")
      return
    }
  }

  /// Everything that a tenant has, table by table.
  private func rows(of tenant: OrganizationID, at url: String) async throws -> [String: String] {
    let tables = try await PostgresTestServer.execute(
      """
      SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'organization_id'
      """, at: url
    ).compactMap { $0[0] }
    #expect(tables.count > 15)
    var contents: [String: String] = [:]
    for table in tables {
      let rows = try await PostgresTestServer.execute(
        "SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM \(table) AS t WHERE organization_id = '\(tenant)'",
        at: url)
      contents[table] = rows.first?[0] ?? ""
    }
    return contents
  }
}

extension SettledTenant {
  fileprivate func says(in conversation: ConversationID, after parent: MessageID?) -> ChatMessage {
    ChatMessage(
      id: MessageID(UUID()), conversationID: conversation, parentID: parent, role: .user, content: "x",
      createdAt: .instant(50))
  }
}
