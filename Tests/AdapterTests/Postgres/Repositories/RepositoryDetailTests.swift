import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Testing

@Suite("PostgreSQL: what the repositories keep and refuse", .needsPostgres)
struct RepositoryDetailTests {
  @Test("a file of 100 MB is stored and read back")
  func largePayload() async throws {
    try await withReplicas { storages, _ in
      let tenant = TestTenant()
      var random = SplitMix64(seed: 7)
      var bytes = Data(capacity: 100_000_000)
      while bytes.count < 100_000_000 {
        withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) }
      }
      let content = SubmissionContent.file(name: "large", mediaType: .unknown, bytes: bytes)
      let submission = KnowledgeSubmission(
        id: SubmissionID(UUID()), organizationID: tenant.id, contributorID: tenant.user, title: "Large",
        content: ContentSummary(content), metadata: [:], documentID: nil, sourceURI: nil, createdAt: .instant(0))
      try await storages[0].submissions.insert(submission, content: content)
      let stored = try await storages[0].submissions.content(of: submission.id, in: tenant.id)
      let isSame = stored == content
      #expect(isSame)
    }
  }

  @Test(
    "a session keeps its client's address, and none where it had no IP address",
    arguments: [
      ("192.0.2.7", "192.0.2.7"), ("2001:db8::1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1"), ("/run/socket", nil),
      ("", nil), ("1.2.3.4/24", nil),
    ] as [(String, String?)])
  func address(_ given: String, _ kept: String?) async throws {
    try await withReplicas { storages, _ in
      let tenant = TestTenant()
      let user = try await tenant.signUp("a@example.org", in: storages[0])
      let session = Session(
        id: SessionID(UUID()), userID: user.id, organizationID: tenant.id, role: .user, createdAt: .instant(0),
        expiresAt: .instant(9), ipAddress: given, userAgent: nil)
      let token = SecretHash([UInt8](repeating: 1, count: 32))
      try await storages[0].sessions.insert(session, tokenHash: token)
      #expect(try await storages[0].sessions.session(for: token, at: .instant(1))?.ipAddress == kept)
    }
  }

  @Test("a database without the schema is not opened, and the words say what to do")
  func noSchema() async throws {
    try await withEmptyDatabase { url in
      let configuration = try PostgresConfiguration(url: url)
      let failure = await #expect(throws: StorageFailure.self) {
        _ = try await PostgresStorage(configuration: configuration)
      }
      guard case .unavailable(let words) = failure else {
        Issue.record("\(String(describing: failure))")
        return
      }
      #expect(words.contains("opentier migrate up"))
    }
  }
}
