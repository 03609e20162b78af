import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: submissions")
struct SubmissionRepositoryTests {
  static let contents: [SubmissionContent] = [
    .text("Grüße \u{1F600}\n"), .text(""), .url("https://example.org/a?b=c"),
    .file(name: "a.bin", mediaType: .unknown, bytes: Data((0...255).map { UInt8($0) })),
    .file(name: "empty", mediaType: .plainText, bytes: Data()),
  ]

  @Test("a submission and its content are read back as they were stored", arguments: StorageUnderTest.all)
  func roundTrip(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      for content in Self.contents {
        let submission = KnowledgeSubmission.sample(
          title: "T “q”", content: content,
          metadata: [
            "tags": .list([.string("a"), .string("ü")]), "n": .number(1.5), "yes": .bool(true), "no": .bool(false),
            "none": .null, "one": .number(1), "deep": .object(["x": .list([.object([:]), .string("\u{1}")])]),
          ], documentID: .random(), sourceURI: "file:/a b.md")
        try await storage.submissions.insert(submission, content: content)
        #expect(try await storage.submissions.submission(submission.id, in: organization) == submission)
        #expect(try await storage.submissions.content(of: submission.id, in: organization) == content)
      }
    }
  }

  @Test("a submission's id is taken once", arguments: StorageUnderTest.all)
  func duplicate(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let submission = KnowledgeSubmission.sample()
      try await storage.submissions.insert(submission, content: .text("first"))
      await #expect(throws: StorageFailure.conflict("submission")) {
        try await storage.submissions.insert(
          .sample(id: submission.id, in: otherOrganization), content: .text("second"))
      }
      #expect(try await storage.submissions.content(of: submission.id, in: organization) == .text("first"))
    }
  }

  @Test("submissions are listed newest first, narrowed by status and contributor", arguments: StorageUnderTest.all)
  func listing(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let (ann, bob) = (UserID.random(), UserID.random())
      for byte in UInt8(1)...6 {
        let submission = KnowledgeSubmission.sample(
          id: .repeating(byte), by: byte % 2 == 0 ? ann : bob, createdAt: seconds(byte <= 3 ? 0 : Int64(byte)))
        try await storage.submissions.insert(submission, content: .text("text"))
        if byte >= 5 { try await storage.approve(submission, at: seconds(20)) }
      }
      try await storage.submissions.insert(.sample(in: otherOrganization, by: ann), content: .text("text"))
      func ids(_ status: SubmissionStatus?, _ contributor: UserID?) async throws -> [SubmissionID] {
        try await allPages(size: 2) {
          try await storage.submissions.submissions(
            in: organization, status: status, contributor: contributor, page: $0)
        }.items.map(\.id)
      }
      #expect(try await ids(nil, nil) == [6, 5, 4, 3, 2, 1].map { .repeating($0) })
      #expect(try await ids(.pending, nil) == [4, 3, 2, 1].map { .repeating($0) })
      #expect(try await ids(.approved, nil) == [6, 5].map { .repeating($0) })
      #expect(try await ids(nil, ann) == [6, 4, 2].map { .repeating($0) })
      #expect(try await ids(.approved, bob) == [.repeating(5)])
      #expect(try await ids(.rejected, nil).isEmpty)
    }
  }

  @Test("an approval and its job are stored together", arguments: StorageUnderTest.all)
  func approval(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let submission = KnowledgeSubmission.sample()
      let reviewer = UserID.random()
      try await storage.submissions.insert(submission, content: .text("text"))
      let job = try await storage.approve(submission, by: reviewer, at: seconds(5))
      let stored = try #require(try await storage.submissions.submission(submission.id, in: organization))
      #expect(stored.status == .approved)
      #expect(stored.reviewedBy == reviewer)
      #expect(stored.reviewedAt == seconds(5))
      #expect(stored.jobID == job)
      let queued = try #require(try await storage.jobs.job(job, in: organization))
      #expect(queued.state == .queued)
      #expect(queued.submissionID == submission.id)
      #expect(queued.attempts == 0)
    }
  }

  @Test("a rejection is stored with its note and queues nothing", arguments: StorageUnderTest.all)
  func rejection(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let submission = KnowledgeSubmission.sample()
      try await storage.submissions.insert(submission, content: .text("text"))
      let decision = try await storage.submissions.review(submission.id, in: organization, enqueuing: nil) { found in
        Result { () throws(KnowledgeSubmission.AlreadyReviewed) in
          try found.rejected(by: .random(), note: "no", at: seconds(5))
        }
      }
      #expect(try decision.get().note == "no")
      #expect(try await storage.submissions.submission(submission.id, in: organization) == decision.get())
      #expect(try await storage.jobs.jobs(in: organization, state: nil, page: PageRequest()).items.isEmpty)
    }
  }

  @Test("a refused decision changes nothing and queues nothing", arguments: StorageUnderTest.all)
  func refusal(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let submission = KnowledgeSubmission.sample()
      try await storage.queue(submission)
      let before = try await storage.submissions.submission(submission.id, in: organization)
      await #expect {
        try await storage.approve(submission, at: seconds(9))
      } throws: { error in
        (error as? KnowledgeSubmission.AlreadyReviewed)?.status == .approved
      }
      #expect(try await storage.submissions.submission(submission.id, in: organization) == before)
      #expect(try await storage.jobs.jobs(in: organization, state: nil, page: PageRequest()).items.count == 1)
    }
  }

  @Test("a decision whose job cannot be stored is not stored either", arguments: StorageUnderTest.all)
  func rollback(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let taken = try await storage.queue()
      let submission = KnowledgeSubmission.sample()
      try await storage.submissions.insert(submission, content: .text("text"))
      await #expect(throws: StorageFailure.conflict("job")) {
        try await storage.approve(submission, job: taken, at: seconds(9))
      }
      #expect(try await storage.submissions.submission(submission.id, in: organization) == submission)
    }
  }

  @Test("of reviewers who decide at once one wins and the others are told", arguments: StorageUnderTest.all)
  func reviewRace(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let submission = KnowledgeSubmission.sample()
      try await storage.submissions.insert(submission, content: .text("text"))
      let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
        for index in 0..<8 {
          group.addTask {
            do {
              try await storage.approve(submission, at: seconds(Int64(index)))
              return true
            } catch let refusal as KnowledgeSubmission.AlreadyReviewed {
              #expect(refusal.status == .approved)
              return false
            }
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(outcomes.count { $0 } == 1)
      let jobs = try await storage.jobs.jobs(in: organization, state: nil, page: PageRequest()).items
      #expect(jobs.count == 1)
      let stored = try await storage.submissions.submission(submission.id, in: organization)
      #expect(stored?.jobID == jobs.first?.id)
    }
  }

  @Test("another tenant finds neither submission nor content nor can decide", arguments: StorageUnderTest.all)
  func isolation(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let submission = KnowledgeSubmission.sample()
      try await storage.submissions.insert(submission, content: .text("text"))
      #expect(try await storage.submissions.submission(submission.id, in: otherOrganization) == nil)
      #expect(try await storage.submissions.content(of: submission.id, in: otherOrganization) == nil)
      let listed = try await storage.submissions.submissions(
        in: otherOrganization, status: nil, contributor: nil, page: PageRequest())
      #expect(listed.items.isEmpty)
      for (id, tenant) in [(submission.id, otherOrganization), (.random(), organization)] {
        await #expect(throws: StorageFailure.notFound) {
          try await storage.submissions.review(id, in: tenant, enqueuing: nil) { .success($0) }
        }
      }
    }
  }
}
