import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: cancellation")
struct StorageCancellationTests {
  /// What `body` throws when its task is cancelled before it begins.
  private static func failure(_ body: @escaping @Sendable () async throws -> Void) async -> (any Error)? {
    let task = Task { () -> (any Error)? in
      withUnsafeCurrentTask { $0?.cancel() }
      do {
        try await body()
        return nil
      } catch {
        return error
      }
    }
    return await task.value
  }

  @Test("a cancelled task's call says so and writes nothing", arguments: StorageUnderTest.all)
  func everyMethod(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      let owner = Owner(organizationID: organization, userID: user.id)
      let conversation = Conversation.sample(of: owner)
      try await storage.conversations.insert(conversation)
      let draft = RevisionDraft.sample("zebra", vectors: [[1, 0]])
      try await storage.publish(draft)
      let pending = KnowledgeSubmission.sample()
      try await storage.submissions.insert(pending, content: .text("text"))
      let job = try await storage.queue(at: seconds(20))
      let lease = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(21), leaseFor: 30)).lease
      // What became of the first submission, the second, and the third, which is approved.
      let events = 3 + 1 + 2
      let batch = try #require(try await storage.outbox.claim(limit: 1, at: seconds(21), leaseFor: 30))
      let page = PageRequest()
      let scope = SearchScope(organizationID: organization)
      let chunk = draft.chunks[0].id
      let calls: [@Sendable () async throws -> Void] = [
        { _ = try await storage.users.insert(try .sample("b"), passwordHash: nil, roleIfFirst: nil) },
        { _ = try await storage.users.user(user.id, in: organization) },
        { _ = try await storage.users.credentials(for: user.email) },
        { _ = try await storage.users.users(in: organization, page: page) },
        { _ = try await storage.users.setRole(.admin, of: user.id, in: organization, at: seconds(30)) },
        { try await storage.users.delete(user.id, in: organization, at: seconds(30)) },
        { try await storage.sessions.insert(.sample(of: user), tokenHash: .sample("t")) },
        { _ = try await storage.sessions.session(for: .sample("t"), at: seconds(1)) },
        { _ = try await storage.sessions.sessions(of: user.id, in: organization, at: seconds(1)) },
        { try await storage.sessions.delete(.random(), of: user.id, in: organization) },
        { try await storage.sessions.deleteAll(of: user.id, in: organization) },
        { try await storage.sessions.deleteExpired(at: seconds(1)) },
        { try await storage.conversations.insert(.sample(of: owner)) },
        { _ = try await storage.conversations.conversation(conversation.id, of: owner) },
        { _ = try await storage.conversations.conversations(of: owner, page: page) },
        { _ = try await storage.conversations.rename(conversation.id, of: owner, to: "x", at: seconds(30)) },
        { try await storage.conversations.delete(conversation.id, of: owner) },
        { _ = try await storage.conversations.messages(of: conversation.id, owner: owner) },
        { try await storage.submissions.insert(.sample(), content: .text("x")) },
        { _ = try await storage.submissions.submission(pending.id, in: organization) },
        { _ = try await storage.submissions.content(of: pending.id, in: organization) },
        {
          _ = try await storage.submissions.submissions(
            in: organization, status: nil, contributor: nil, page: page)
        },
        { try await storage.approve(pending, at: seconds(30)) },
        { _ = try await storage.documents.document(draft.newDocumentID, in: organization) },
        { _ = try await storage.documents.documents(in: organization, page: page) },
        { _ = try await storage.documents.revisions(of: draft.newDocumentID, in: organization) },
        { _ = try await storage.documents.text(of: draft.newDocumentID, revision: nil, in: organization) },
        { try await storage.documents.delete(draft.newDocumentID, in: organization, at: seconds(40)) },
        { _ = try await storage.jobs.job(job, in: organization) },
        { _ = try await storage.jobs.jobs(in: organization, state: nil, page: page) },
        { _ = try await storage.jobQueue.claim(by: "b", at: seconds(999), leaseFor: 30) },
        { _ = try await storage.jobs.retry(job, in: organization, at: seconds(30)) },
        { _ = try await storage.outbox.claim(limit: 9, at: seconds(30), leaseFor: 30) },
        { try await storage.outbox.acknowledge(batch, at: seconds(30)) },
        { try await storage.outbox.deleteEvents(occurredBefore: seconds(999)) },
        { _ = try await storage.passages.lexical("zebra", in: scope, limit: 1) },
        { _ = try await storage.passages.semantic(Embedding([1, 0]), model: "model", in: scope, limit: 1) },
        { _ = try await storage.passages.passages([chunk], in: organization) },
        { _ = try await storage.passages.unembedded(by: "new", limit: 1) },
        { try await storage.passages.store([chunk: Embedding([0, 1])], model: "model", in: organization) },
      ]
      for (index, call) in calls.enumerated() {
        #expect(await Self.failure(call) as? StorageFailure == .cancelled, "call \(index)")
      }
      let leased: [@Sendable () async throws -> Void] = [
        {
          try await storage.jobQueue.report(
            .embedding, progress: IngestionJob.Progress(done: 1, total: 1), under: lease, at: seconds(30), leaseFor: 30)
        },
        { _ = try await storage.jobQueue.publish(.sample("other"), under: lease, at: seconds(30)) },
        { try await storage.jobQueue.fail("x", retryAt: nil, under: lease, at: seconds(30)) },
        { try await storage.jobQueue.release(lease, at: seconds(30)) },
      ]
      for (index, call) in leased.enumerated() {
        #expect(await Self.failure(call) as? LeaseFailure == .storage(.cancelled), "leased call \(index)")
      }

      #expect(try await storage.users.users(in: organization, page: page).items == [user])
      #expect(try await storage.conversations.conversations(of: owner, page: page).items == [conversation])
      #expect(try await storage.submissions.submission(pending.id, in: organization) == pending)
      #expect(try await storage.documents.documents(in: organization, page: page).items.count == 1)
      #expect(try await storage.nearest([1, 0]) == [chunk])
      // Nothing was written about the cancelled calls, and the events wait as before.
      #expect(try await storage.outbox.acknowledge(batch, at: seconds(30)) == 1)
      #expect(try await storage.outbox.claim(limit: 99, at: seconds(30), leaseFor: 30)?.events.count == events - 1)
      // The lease is still the first worker's.
      _ = try await storage.jobQueue.publish(.sample("other"), under: lease, at: seconds(30))
    }
  }
}
