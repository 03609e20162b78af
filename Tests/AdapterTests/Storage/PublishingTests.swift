import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: publishing")
struct PublishingTests {
  @Test("a published draft is a document with one revision, and ends its job", arguments: StorageUnderTest.all)
  func creation(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let text = "Erster Absatz: süß.\n\nSecond paragraph \u{1F600}."
      let draft = RevisionDraft.sample(text, title: "A title", vectors: [[1, 0], [0, 1]])
      let submission = KnowledgeSubmission.sample(metadata: ["tags": .string("t")], sourceURI: "file:/a")
      let reviewer = UserID.random()
      let publication = try await storage.publish(draft, as: submission, reviewer: reviewer, at: seconds(10))
      #expect(publication == .created(draft.newDocumentID, draft.revisionID))

      let document = try #require(try await storage.documents.document(draft.newDocumentID, in: organization))
      #expect(
        document
          == Document(
            id: draft.newDocumentID, organizationID: organization, title: "A title", sourceURI: "file:/a",
            currentRevisionID: draft.revisionID, revisionNumber: 1, metadata: ["tags": .string("t")],
            createdAt: seconds(10), updatedAt: seconds(10)))
      let revisions = try await storage.documents.revisions(of: document.id, in: organization)
      #expect(
        revisions == [
          DocumentRevision(
            id: draft.revisionID, documentID: document.id, number: 1, title: "A title", mediaType: .plainText,
            contentHash: draft.contentHash, byteCount: text.utf8.count, submissionID: submission.id,
            submittedBy: submission.contributorID, approvedBy: reviewer, publishedAt: seconds(10), supersededAt: nil)
        ])
      let read = try await storage.documents.text(of: document.id, revision: nil, in: organization)
      #expect(read.text == text)
      #expect(read.revision == revisions.first)

      let indexed = try await storage.submissions.submission(submission.id, in: organization)
      #expect(indexed?.documentID == document.id)

      let job = try #require(
        try await storage.jobs.jobs(in: organization, state: .indexed, page: PageRequest()).items.first)
      #expect(job.documentID == document.id)
      #expect(job.revisionID == draft.revisionID)
      #expect(try await storage.jobQueue.claim(by: "x", at: seconds(999), leaseFor: 30) == nil)
    }
  }

  @Test("new bytes of the same source make a new revision of the document", arguments: StorageUnderTest.all)
  func revisionBySource(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("one", title: "Old")
      let second = RevisionDraft.sample("two", title: "New")
      try await storage.publish(first, as: .sample(sourceURI: "s"), at: seconds(10))
      let publication = try await storage.publish(second, as: .sample(sourceURI: "s"), at: seconds(20))
      #expect(publication == .revised(first.newDocumentID, second.revisionID))
      let document = try #require(try await storage.documents.document(first.newDocumentID, in: organization))
      #expect(document.title == "New")
      #expect(document.revisionNumber == 2)
      #expect(document.currentRevisionID == second.revisionID)
      #expect(document.createdAt == seconds(10))
      #expect(document.updatedAt == seconds(20))
      let revisions = try await storage.documents.revisions(of: document.id, in: organization)
      #expect(revisions.map(\.number) == [2, 1])
      #expect(revisions.map(\.publishedAt) == [seconds(20), seconds(10)])
      #expect(revisions.map(\.supersededAt) == [nil, seconds(20)])
      let old = try await storage.documents.text(of: document.id, revision: first.revisionID, in: organization)
      #expect(old.text == "one")
      #expect(try await storage.documents.text(of: document.id, revision: nil, in: organization).text == "two")
      #expect(try await storage.documents.document(second.newDocumentID, in: organization) == nil)
    }
  }

  @Test("a submission that names a document revises it, whatever its source", arguments: StorageUnderTest.all)
  func revisionByName(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("one")
      let other = RevisionDraft.sample("other")
      let second = RevisionDraft.sample("two")
      try await storage.publish(first, as: .sample(sourceURI: "a"))
      try await storage.publish(other, as: .sample(sourceURI: "b"))
      let submission = KnowledgeSubmission.sample(documentID: first.newDocumentID, sourceURI: "b")
      let publication = try await storage.publish(second, as: submission, at: seconds(20))
      #expect(publication == .revised(first.newDocumentID, second.revisionID))
      #expect(try await storage.documents.document(first.newDocumentID, in: organization)?.sourceURI == "a")
      #expect(try await storage.documents.document(other.newDocumentID, in: organization)?.revisionNumber == 1)
    }
  }

  @Test("a document without a source takes that of its revision, if it is free", arguments: StorageUnderTest.all)
  func adoptedSource(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("one")
      try await storage.publish(first)
      try await storage.publish(.sample("other"), as: .sample(sourceURI: "taken"))
      let document = first.newDocumentID
      try await storage.publish(.sample("two"), as: .sample(documentID: document, sourceURI: "taken"), at: seconds(20))
      #expect(try await storage.documents.document(document, in: organization)?.sourceURI == nil)
      try await storage.publish(.sample("three"), as: .sample(documentID: document, sourceURI: "mine"), at: seconds(30))
      let fourth = RevisionDraft.sample("four")
      let publication = try await storage.publish(fourth, as: .sample(sourceURI: "mine"), at: seconds(40))
      #expect(publication == .revised(document, fourth.revisionID))
    }
  }

  @Test("the same bytes change nothing and end the job with what is there", arguments: StorageUnderTest.all)
  func sameBytes(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("one")
      try await storage.publish(first, as: .sample(sourceURI: "s"))
      let there = Publication.alreadyThere(first.newDocumentID, first.revisionID)
      let again = [
        KnowledgeSubmission.sample(sourceURI: "s"), .sample(documentID: first.newDocumentID), .sample(),
        .sample(sourceURI: "elsewhere"),
      ]
      for submission in again {
        let draft = RevisionDraft.sample("one", title: "Another title")
        #expect(try await storage.publish(draft, as: submission, at: seconds(20)) == there)
      }
      let documents = try await storage.documents.documents(in: organization, page: PageRequest()).items
      #expect(documents.map(\.title) == ["Title"])
      #expect(documents.map(\.revisionNumber) == [1])
      let jobs = try await storage.jobs.jobs(in: organization, state: .indexed, page: PageRequest()).items
      #expect(jobs.count == 5)
      #expect(jobs.allSatisfy { $0.documentID == first.newDocumentID && $0.revisionID == first.revisionID })
      #expect(try await storage.find("one").count == 1)
    }
  }

  @Test("only the current revision of the same document counts as the same bytes", arguments: StorageUnderTest.all)
  func sameBytesElsewhere(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("one")
      let third = RevisionDraft.sample("one")
      let other = RevisionDraft.sample("one")
      try await storage.publish(first, as: .sample(sourceURI: "s"), at: seconds(10))
      try await storage.publish(.sample("two"), as: .sample(sourceURI: "s"), at: seconds(20))
      // Back to the first bytes: a third revision.
      #expect(
        try await storage.publish(third, as: .sample(sourceURI: "s"), at: seconds(30))
          == .revised(first.newDocumentID, third.revisionID))
      // Another document that has a source of its own may have the same bytes.
      let second = RevisionDraft.sample("else")
      try await storage.publish(second, as: .sample(sourceURI: "t"), at: seconds(40))
      #expect(
        try await storage.publish(other, as: .sample(sourceURI: "t"), at: seconds(50))
          == .revised(second.newDocumentID, other.revisionID))
    }
  }

  @Test("another tenant's documents are neither revised nor taken for the same bytes", arguments: StorageUnderTest.all)
  func isolation(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("one")
      let second = RevisionDraft.sample("one")
      try await storage.publish(first, as: .sample(sourceURI: "s"))
      #expect(
        try await storage.publish(second, as: .sample(in: otherOrganization, sourceURI: "s"), at: seconds(20))
          == .created(second.newDocumentID, second.revisionID))
      await #expect(throws: LeaseFailure.documentGone) {
        try await storage.publish(
          .sample("x"), as: .sample(in: otherOrganization, documentID: first.newDocumentID), at: seconds(30))
      }
    }
  }

  @Test("a named document that is gone is reported, and the lease still holds", arguments: StorageUnderTest.all)
  func documentGone(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let job = try await storage.queue(.sample(documentID: .random()))
      let lease = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(10), leaseFor: 30)).lease
      await #expect(throws: LeaseFailure.documentGone) {
        try await storage.jobQueue.publish(.sample("text"), under: lease, at: seconds(11))
      }
      try await storage.jobQueue.fail("gone", retryAt: nil, under: lease, at: seconds(12))
      #expect(try await storage.jobs.job(job, in: organization)?.state == .failed)
    }
  }

  @Test("a draft that cannot be stored leaves no trace, and its job can go on", arguments: StorageUnderTest.all)
  func rollback(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("one", chunkIDs: [.repeating(1)], vectors: [[1, 0]])
      try await storage.publish(first, as: .sample(sourceURI: "s"))
      let bad: [(RevisionDraft, StorageFailure)] = [
        (.sample("two zebra", chunkIDs: [.repeating(1)]), .conflict("chunk")),
        (.sample("two\n\nzebra", chunkIDs: [.repeating(2), .repeating(2)]), .conflict("chunk")),
        (.sample("two zebra", revisionID: first.revisionID), .conflict("revision")),
        (.sample("two\n\nzebra", vectors: [[1, 0]]), .conflict("embeddings")),
        (.sample("two zebra", vectors: [[1, 0, 0]]), .conflict("dimensions")),
        (.sample("two\n\nzebra", vectors: [[1, 0], [1]]), .conflict("dimensions")),
      ]
      let job = try await storage.queue(.sample(sourceURI: "s"))
      let lease = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(20), leaseFor: 30)).lease
      for (draft, failure) in bad {
        await #expect(throws: LeaseFailure.storage(failure)) {
          try await storage.jobQueue.publish(draft, under: lease, at: seconds(21))
        }
      }
      #expect(try await storage.documents.document(first.newDocumentID, in: organization)?.revisionNumber == 1)
      #expect(try await storage.documents.revisions(of: first.newDocumentID, in: organization).count == 1)
      #expect(try await storage.find("zebra").isEmpty)
      #expect(try await storage.find("one") == [.repeating(1)])
      #expect(try await storage.nearest([1, 0]) == [.repeating(1)])
      let good = RevisionDraft.sample("two zebra")
      _ = try await storage.jobQueue.publish(good, under: lease, at: seconds(22))
      #expect(try await storage.jobs.job(job, in: organization)?.revisionID == good.revisionID)
      #expect(try await storage.find("zebra") == good.chunks.map(\.id))
    }
  }

  @Test("a clock that was set back makes no revision end before it began", arguments: StorageUnderTest.all)
  func clockSetBack(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("one")
      let second = RevisionDraft.sample("two")
      try await storage.publish(first, as: .sample(sourceURI: "s"), at: seconds(100))
      try await storage.publish(second, as: .sample(sourceURI: "s"), at: seconds(50))
      let revisions = try await storage.documents.revisions(of: first.newDocumentID, in: organization)
      #expect(revisions.map(\.id) == [second.revisionID, first.revisionID])
      #expect(revisions.map(\.publishedAt) == [seconds(100), seconds(100)])
      #expect(revisions.map(\.supersededAt) == [nil, seconds(100)])
    }
  }
}
