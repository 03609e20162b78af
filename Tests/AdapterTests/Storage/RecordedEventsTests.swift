import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: changes and their events are written together")
struct RecordedEventsTests {
  @Test("the way of a submission to a document and its end is a row of events", arguments: StorageUnderTest.all)
  func wholeWay(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let submission = KnowledgeSubmission.sample(title: "Grüße, \"zitiert\"", sourceURI: "s", createdAt: seconds(1))
      let reviewer = UserID.random()
      try await storage.submissions.insert(submission, content: .text("text"))
      let job = try await storage.approve(submission, by: reviewer, at: seconds(2))
      let draft = RevisionDraft.sample("one", title: "First")
      let lease = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(3), leaseFor: 30)).lease
      _ = try await storage.jobQueue.publish(draft, under: lease, at: seconds(4))
      let next = RevisionDraft.sample("two", title: "Second")
      let revision = KnowledgeSubmission.sample(sourceURI: "s")
      try await storage.publish(next, as: revision, at: seconds(5))
      try await storage.documents.delete(draft.newDocumentID, in: organization, at: seconds(6))

      let events = try await storage.drainEvents()
      #expect(
        events.map(\.kind) == [
          .submissionCreated, .submissionApproved, .documentPublished, .submissionCreated, .submissionApproved,
          .documentRevised, .documentDeleted,
        ])
      #expect(events.allSatisfy { $0.organizationID == organization })
      #expect(events.map(\.occurredAt) == [1, 2, 4, 0, 5, 5, 6].map { seconds($0) })
      #expect(Set(events.map(\.id)).count == events.count)
      let document = draft.newDocumentID.uuid
      #expect(
        events.map(\.subjectID) == [
          submission.id.uuid, submission.id.uuid, document, revision.id.uuid, revision.id.uuid, document, document,
        ])
      #expect(
        events[0].attributes == ["title": submission.title, "contributorId": "\(submission.contributorID)"])
      #expect(
        events[1].attributes == ["title": submission.title, "reviewerId": "\(reviewer)", "jobId": "\(job)"])
      #expect(
        events[2].attributes == [
          "title": "First", "revisionId": "\(draft.revisionID)", "revisionNumber": "1",
          "submissionId": "\(submission.id)",
        ])
      #expect(events[5].attributes["revisionNumber"] == "2")
      #expect(events[6].attributes == ["title": "Second"])
    }
  }

  @Test("a rejection is an event", arguments: StorageUnderTest.all)
  func rejection(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let submission = KnowledgeSubmission.sample(in: otherOrganization)
      let reviewer = UserID.random()
      try await storage.submissions.insert(submission, content: .text("text"))
      _ = try await storage.submissions.review(submission.id, in: otherOrganization, enqueuing: nil) { found in
        Result { () throws(KnowledgeSubmission.AlreadyReviewed) in
          try found.rejected(by: reviewer, note: "no", at: seconds(7))
        }
      }
      let events = try await storage.drainEvents()
      #expect(events.map(\.kind) == [.submissionCreated, .submissionRejected])
      #expect(events[1].organizationID == otherOrganization)
      #expect(events[1].attributes == ["title": submission.title, "reviewerId": "\(reviewer)"])
      #expect(events[1].occurredAt == seconds(7))
    }
  }

  @Test("a job that fails for good is an event, one that is tried again is none", arguments: StorageUnderTest.all)
  func failure(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let submission = KnowledgeSubmission.sample()
      let job = try await storage.queue(submission)
      for retryAt in [seconds(10), nil] {
        let lease = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(10), leaseFor: 30)).lease
        try await storage.jobQueue.fail("unreadable", retryAt: retryAt, under: lease, at: seconds(11))
      }
      let events = try await storage.drainEvents().dropFirst(2)
      let event = try #require(events.first)
      #expect(events.count == 1)
      #expect(event.kind == .jobFailed)
      #expect(event.subjectID == job.uuid)
      #expect(
        event.attributes == ["submissionId": "\(submission.id)", "attempts": "2", "reason": "unreadable"])
      #expect(event.occurredAt == seconds(11))
    }
  }

  @Test("what is refused, changes nothing or is already there is no event", arguments: StorageUnderTest.all)
  func refusals(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let submission = KnowledgeSubmission.sample()
      let draft = RevisionDraft.sample("text")
      try await storage.publish(draft, as: submission)
      let other = try await storage.queue(at: seconds(20))
      _ = try await storage.drainEvents()

      await #expect(throws: StorageFailure.conflict("submission")) {
        try await storage.submissions.insert(submission, content: .text("text"))
      }
      await #expect(throws: KnowledgeSubmission.AlreadyReviewed.self) {
        try await storage.approve(submission, at: seconds(21))
      }
      // The decision stands, but not its job, whose id is taken: neither is stored.
      let pending = KnowledgeSubmission.sample()
      try await storage.submissions.insert(pending, content: .text("text"))
      await #expect(throws: StorageFailure.conflict("job")) {
        try await storage.approve(pending, job: other, at: seconds(21))
      }
      #expect(try await storage.submissions.submission(pending.id, in: organization) == pending)
      await #expect(throws: StorageFailure.notFound) {
        try await storage.documents.delete(draft.newDocumentID, in: otherOrganization, at: seconds(22))
      }
      let lease = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(23), leaseFor: 30)).lease
      let taken = RevisionDraft.sample("taken", revisionID: draft.revisionID)
      await #expect(throws: LeaseFailure.storage(.conflict("revision"))) {
        try await storage.jobQueue.publish(taken, under: lease, at: seconds(24))
      }
      let publication = try await storage.jobQueue.publish(.sample("text"), under: lease, at: seconds(25))
      #expect(publication == .alreadyThere(draft.newDocumentID, draft.revisionID))
      await JobQueueTests.expectRefusals(of: lease, in: storage, at: seconds(26))
      #expect(try await storage.drainEvents().map(\.kind) == [.submissionCreated])
    }
  }
}
