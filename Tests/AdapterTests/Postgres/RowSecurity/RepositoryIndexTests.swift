import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Testing

/// The repositories' own statements, by the server's count of what they read.
@Suite("PostgreSQL: what the repositories read", .needsPostgres)
struct RepositoryIndexTests {
  /// A call of a repository, and the indexes that it must read.
  struct Call: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let indexes: Set<String>
    let run: @Sendable (PostgresDatabase) async throws -> Bool
  }

  private static let tenant = OrganizationID(uuid(ManyRows.organization))
  private static let user = UserID(uuid("6bce05df-9831-da77-99a5-edc4f7abfbec"))  // The MD5 of "u7".
  private static let later = PageRequest(size: 20, after: PageCursor(microseconds: 1_767_229_200_000_000, id: UUID()))

  private static func uuid(_ text: String) -> UUID { UUID(uuidString: text) ?? UUID() }

  /// Each answers whether it found anything.
  private static let calls: [Call] = [
    Call(testDescription: "the session of a token", indexes: ["sessions_session_token", "users_pkey"]) { database in
      // The SHA-256 of "7".
      let token = SecretHash(Array(Data(base64Encoded: "eQJpm+Qsio5G+7tFAXJlF+hrIsVqGJ92JabaSQgbJFE=") ?? Data()))
      let time = Date(timeIntervalSince1970: 1_767_229_200)
      return try await PostgresSessionRepository(database).session(for: token, at: time) != nil
    },
    Call(testDescription: "the sessions of a user", indexes: ["sessions_of_user"]) { database in
      let time = Date(timeIntervalSince1970: 1_767_229_200)
      return try await !PostgresSessionRepository(database).sessions(of: user, in: tenant, at: time).isEmpty
    },
    Call(testDescription: "the account of an address", indexes: ["users_live_email"]) { database in
      guard let address = EmailAddress("u7@example.org") else { return false }
      return try await PostgresUserRepository(database).credentials(for: address) != nil
    },
    Call(testDescription: "the accounts of a tenant", indexes: ["users_newest"]) { database in
      try await !PostgresUserRepository(database).users(in: tenant, page: later).items.isEmpty
    },
    Call(testDescription: "the conversations of their owner", indexes: ["conversations_of_owner"]) { database in
      let owner = Owner(organizationID: tenant, userID: user)
      return try await !PostgresConversationRepository(database).conversations(of: owner, page: later).items.isEmpty
    },
    Call(testDescription: "the messages of a conversation", indexes: ["chat_messages_of_conversation"]) { database in
      let owner = Owner(organizationID: tenant, userID: user)
      let newest = try await PostgresConversationRepository(database).conversations(
        of: owner, page: PageRequest(size: 1))
      guard let id = newest.items.first?.id else { return false }
      return try await !PostgresConversationRepository(database).messages(of: id, owner: owner).isEmpty
    },
    Call(testDescription: "the submissions that wait", indexes: ["knowledge_submissions_pending"]) { database in
      try await !PostgresSubmissionRepository(database).submissions(
        in: tenant, status: .pending, contributor: nil, page: later
      ).items.isEmpty
    },
    Call(testDescription: "the submissions of a tenant", indexes: ["knowledge_submissions_newest"]) { database in
      try await !PostgresSubmissionRepository(database).submissions(
        in: tenant, status: nil, contributor: nil, page: later
      ).items.isEmpty
    },
    Call(
      testDescription: "the documents of a tenant", indexes: ["documents_newest", "document_revisions_current"]
    ) { database in try await !PostgresDocumentRepository(database).documents(in: tenant, page: later).items.isEmpty },
    Call(testDescription: "the jobs of a tenant", indexes: ["ingestion_jobs_newest"]) { database in
      try await !PostgresJobRepository(database).jobs(in: tenant, state: nil, page: later).items.isEmpty
    },
    Call(testDescription: "the jobs that failed", indexes: ["ingestion_jobs_failed"]) { database in
      try await !PostgresJobRepository(database).jobs(in: tenant, state: .failed, page: later).items.isEmpty
    },
  ]

  @Test("each hot call of a repository reads its indexes and no table from end to end")
  func reads() async throws {
    try await withMigratedDatabase { url in
      try await PostgresTestServer.execute(ManyRows.script, at: url)
      for call in Self.calls {
        try await PostgresTestServer.execute("SELECT pg_stat_reset()", at: url)
        let database = PostgresDatabase(configuration: try PostgresConfiguration(url: url))
        #expect(try await call.run(database), "\(call.testDescription) found nothing")
        await database.close()
        let read = try await Self.indexesRead(at: url, atLeast: call.indexes)
        #expect(read.isSuperset(of: call.indexes), "\(call.testDescription)")
        let scanned = try await PostgresTestServer.execute(
          "SELECT relname FROM pg_stat_user_tables WHERE seq_scan > 0", at: url)
        #expect(scanned.isEmpty, "\(call.testDescription)")
      }
    }
  }

  /// The indexes that were read since the counters were reset; a connection hands its counts in, all at once, when it
  /// ends.
  private static func indexesRead(at url: String, atLeast expected: Set<String>) async throws -> Set<String> {
    var read: Set<String> = []
    for _ in 0..<100 where !read.isSuperset(of: expected) {
      try await Task.sleep(for: .milliseconds(30))
      let rows = try await PostgresTestServer.execute(
        "SELECT indexrelname FROM pg_stat_user_indexes WHERE idx_scan > 0", at: url)
      read = Set(rows.compactMap { $0[0] })
    }
    return read
  }
}
