import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: the items of collections")
struct CollectionLedgerTests {
  private static let collection = SecretHash.sample("site")
  private static let pages = CrawlSpec(url: "http://a.b/", maximumDepth: 2, maximumPages: 10)

  /// Queues a crawl and claims it.
  private static func claim(
    _ storage: OpenStorage, at time: Date = seconds(1), in tenant: OrganizationID = organization
  ) async throws -> JobLease {
    let submission = KnowledgeSubmission.sample(in: tenant, content: .crawl(pages))
    try await storage.submissions.insert(submission, content: .crawl(pages))
    let job = try await storage.approve(submission, at: time)
    let claimed = try #require(try await storage.jobQueue.claim(by: "w", at: time, leaseFor: 30))
    #expect(claimed.job.id == job)
    #expect(claimed.submission.content == .crawl(pages))
    return claimed.lease
  }

  private static func begin(
    _ storage: OpenStorage, _ lease: JobLease, _ items: [ListedItem], isComplete: Bool = false, version: String = "v",
    at time: Date = seconds(2)
  ) async throws -> CollectionRun? {
    try await storage.collections.begin(
      collection, version: version, items: items, isComplete: isComplete, under: lease, at: time)
  }

  private static func settle(
    _ storage: OpenStorage, _ lease: JobLease, _ items: [SettledItem], maximum: Int = 100, at time: Date = seconds(3)
  ) async throws {
    try await storage.collections.settle(items, maximumItems: maximum, under: lease, at: time)
  }

  private static func waiting(_ storage: OpenStorage, _ lease: JobLease) async throws -> [String] {
    try await storage.collections.waiting(of: lease.jobID, in: lease.organizationID, limit: 100).map(\.key)
  }

  private static func report(_ storage: OpenStorage, _ lease: JobLease) async throws -> CollectionReport {
    try #require(try await storage.collections.report(of: lease.jobID, in: lease.organizationID))
  }

  /// An item that is handed on, with its job.
  private static func handedOn(
    _ key: String, version: String = "1", found: [String] = [], in tenant: OrganizationID = organization
  ) -> SettledItem {
    let (id, job) = (SubmissionID.random(), JobID.random())
    let content = SubmissionContent.text("text of \(key)")
    let submission = KnowledgeSubmission(
      id: id, organizationID: tenant, contributorID: .random(), title: key, content: ContentSummary(content),
      metadata: [:], documentID: nil, sourceURI: key, status: .approved, reviewedBy: .random(),
      reviewedAt: seconds(1), jobID: job, createdAt: seconds(3))
    return SettledItem(
      key: key, state: .handedOn, validators: ItemValidators(version: version, etag: "e\(version)"),
      child: ChildIngestion(
        submission: submission, content: content,
        job: IngestionJob(
          id: job, organizationID: tenant, submissionID: id, createdAt: seconds(3), updatedAt: seconds(3))),
      byteCount: 5, found: found, foundDepth: 1)
  }

  /// Takes the job of an item to its end.
  private static func ingest(_ storage: OpenStorage, _ key: String, at time: Date = seconds(4)) async throws {
    let claimed = try #require(try await storage.jobQueue.claim(by: "w", at: time, leaseFor: 30))
    #expect(claimed.submission.sourceURI == key)
    _ = try await storage.jobQueue.publish(.sample("text of \(key)"), under: claimed.lease, at: time)
  }

  @Test(
    "a run begins once, with its first items waiting, and is there for its job alone", arguments: StorageUnderTest.all)
  func begins(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let lease = try await Self.claim(storage)
      #expect(try await storage.collections.run(of: lease.jobID, in: organization) == nil)
      #expect(try await storage.collections.report(of: lease.jobID, in: organization) == nil)
      let run = try await Self.begin(storage, lease, [ListedItem(key: "b"), ListedItem(key: "a")])
      #expect(run == CollectionRun(collection: Self.collection, version: "v", startedAt: seconds(2)))
      #expect(try await storage.collections.run(of: lease.jobID, in: organization) == run)
      #expect(try await storage.collections.run(of: lease.jobID, in: otherOrganization) == nil)
      #expect(try await storage.collections.waiting(of: lease.jobID, in: otherOrganization, limit: 9).isEmpty)
      #expect(try await Self.waiting(storage, lease) == ["a", "b"])
      #expect(try await Self.report(storage, lease) == CollectionReport(items: [.waiting: 2]))
    }
  }

  @Test("what is handed on has a submission and a queued job, and its events", arguments: StorageUnderTest.all)
  func handsOn(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let lease = try await Self.claim(storage)
      _ = try await Self.begin(storage, lease, [ListedItem(key: "a")])
      _ = try await storage.drainEvents()
      let item = Self.handedOn("a", found: ["c", "b"])
      try await Self.settle(storage, lease, [item])
      let child = try #require(item.child)
      #expect(try await storage.submissions.submission(child.submission.id, in: organization) == child.submission)
      #expect(try await storage.submissions.content(of: child.submission.id, in: organization) == child.content)
      #expect(try await storage.jobs.job(child.job.id, in: organization) == child.job)
      #expect(try await storage.drainEvents().map(\.kind) == [.submissionCreated, .submissionApproved])
      #expect(try await Self.waiting(storage, lease) == ["b", "c"])
      let open = try await Self.report(storage, lease)
      #expect(open.openJobs == 1)
      #expect(open.byteCount == 5)
      try await Self.ingest(storage, "a")
      let report = try await Self.report(storage, lease)
      #expect(report.items == [.waiting: 2, .handedOn: 1])
      #expect(report.indexed == 1)
      #expect(report.openJobs == 0)
    }
  }

  @Test("under a lease that is lost nothing is begun or settled", arguments: StorageUnderTest.all)
  func lost(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let lease = try await Self.claim(storage)
      _ = try await Self.begin(storage, lease, [ListedItem(key: "a")])
      try await storage.jobQueue.release(lease, at: seconds(3))
      let item = Self.handedOn("a", found: ["b"])
      await #expect(throws: LeaseFailure.lost) { try await Self.settle(storage, lease, [item]) }
      await #expect(throws: LeaseFailure.lost) { _ = try await Self.begin(storage, lease, []) }
      await #expect(throws: LeaseFailure.lost) {
        try await storage.jobQueue.pause(lease, until: seconds(9), at: seconds(3))
      }
      await #expect(throws: LeaseFailure.lost) { try await storage.jobQueue.complete(lease, at: seconds(3)) }
      #expect(try await storage.jobs.job(try #require(item.child).job.id, in: organization) == nil)
      #expect(try await Self.waiting(storage, lease) == ["a"])
    }
  }

  @Test(
    "a run knows no more items than it may, and what was cut is read in full again", arguments: StorageUnderTest.all)
  func limit(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let lease = try await Self.claim(storage)
      _ = try await Self.begin(storage, lease, [ListedItem(key: "a")])
      try await Self.settle(storage, lease, [Self.handedOn("a", found: ["b", "c", "d"])], maximum: 3)
      #expect(try await Self.waiting(storage, lease) == ["b", "c"])
      try await Self.settle(storage, lease, [Self.handedOn("b", found: ["a", "c"])], maximum: 3)
      for _ in 0..<2 { try await Self.anyJob(storage, fails: false) }
      try await storage.jobQueue.complete(lease, at: seconds(5))
      let next = try await Self.claim(storage, at: seconds(10))
      _ = try await Self.begin(storage, next, [ListedItem(key: "a")], at: seconds(11))
      let items = try await storage.collections.waiting(of: next.jobID, in: organization, limit: 9)
      #expect(items.map(\.key) == ["a", "b", "c"])
      #expect(items.map(\.validators.etag) == [nil, "e1", nil])
      #expect(items.map(\.validators.version) == ["1", "1", nil])
      #expect(items.map(\.depth) == [0, 1, 1])
    }
  }

  @Test(
    "a list that is complete tells what changed, what did not, and what is gone", arguments: StorageUnderTest.all)
  func complete(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let lease = try await Self.claim(storage)
      let first = ["a", "b", "c", "d"].map { ListedItem(key: $0, version: "1") }
      _ = try await Self.begin(storage, lease, first + [ListedItem(key: "x", failure: "broken")], isComplete: true)
      let items = try await storage.collections.waiting(of: lease.jobID, in: organization, limit: 9)
      #expect(items.map(\.offered) == ["1", "1", "1", "1"])
      try await Self.settle(storage, lease, first.map { Self.handedOn($0.key) })
      for key in ["a", "b", "c"] { try await Self.anyJob(storage, fails: key == "c") }
      try await Self.anyJob(storage, fails: true)
      #expect(try await Self.report(storage, lease).failedJobs == 2)
      try await storage.jobQueue.complete(lease, at: seconds(5))
      #expect(try await storage.jobs.job(lease.jobID, in: organization)?.state == .indexed)

      let next = try await Self.claim(storage, at: seconds(10))
      let listed = [("a", "1"), ("b", "2"), ("c", "1"), ("e", "1")].map { ListedItem(key: $0, version: $1) }
      _ = try await Self.begin(storage, next, listed, isComplete: true, at: seconds(11))
      let report = try await Self.report(storage, next)
      let gone = report.problems.filter { $0.state == .gone }.map(\.key)
      #expect(gone == ["d", "x"])
      #expect(report.items[.unchanged, default: 0] + report.items[.waiting, default: 0] == 4)
      // Whichever two jobs failed, their items are read again although they are the same.
      #expect(try await Self.waiting(storage, next).contains("e"))
      #expect(try await Self.waiting(storage, next).contains("b"))
    }
  }

  /// Ends some job that waits.
  private static func anyJob(_ storage: OpenStorage, fails: Bool) async throws {
    let claimed = try #require(try await storage.jobQueue.claim(by: "w", at: seconds(4), leaseFor: 30))
    if fails {
      try await storage.jobQueue.fail("no text", retryAt: nil, under: claimed.lease, at: seconds(4))
    } else {
      let text = claimed.submission.title
      _ = try await storage.jobQueue.publish(.sample(text), under: claimed.lease, at: seconds(4))
    }
  }

  @Test("of a collection one job runs at a time", arguments: StorageUnderTest.all)
  func oneAtATime(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = try await Self.claim(storage)
      let second = try await Self.claim(storage, at: seconds(2))
      #expect(try await Self.begin(storage, first, [ListedItem(key: "a")]) != nil)
      #expect(try await Self.begin(storage, second, [ListedItem(key: "a")]) == nil)
      #expect(try await storage.collections.run(of: second.jobID, in: organization) == nil)
      // Another tenant's of the same name is another.
      let foreign = try await Self.claim(storage, at: seconds(3), in: otherOrganization)
      #expect(try await Self.begin(storage, foreign, [ListedItem(key: "a")]) != nil)
      try await storage.jobQueue.complete(first, at: seconds(4))
      #expect(try await Self.begin(storage, second, [ListedItem(key: "a")]) != nil)
      #expect(try await Self.waiting(storage, first).isEmpty)
      #expect(try await Self.waiting(storage, second) == ["a"])
      #expect(try await Self.waiting(storage, foreign) == ["a"])
    }
  }

  @Test("an item that is tried again comes behind the others", arguments: StorageUnderTest.all)
  func attempts(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let lease = try await Self.claim(storage)
      _ = try await Self.begin(storage, lease, [ListedItem(key: "a"), ListedItem(key: "b")])
      try await Self.settle(storage, lease, [SettledItem(key: "a", state: .waiting, reason: "slow")])
      #expect(try await Self.waiting(storage, lease) == ["b", "a"])
      try await Self.settle(storage, lease, [SettledItem(key: "a", state: .failed, reason: "too slow")])
      try await Self.settle(storage, lease, [SettledItem(key: "b", state: .skipped, reason: "not allowed")])
      let report = try await Self.report(storage, lease)
      #expect(
        report.problems == [
          CollectionReport.Problem(key: "a", state: .failed, reason: "too slow"),
          CollectionReport.Problem(key: "b", state: .skipped, reason: "not allowed"),
        ])
    }
  }

  @Test(
    "a job that pauses is due again at its time, keeps its progress and counts no attempt",
    arguments: StorageUnderTest.all)
  func pause(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let lease = try await Self.claim(storage)
      let progress = IngestionJob.Progress(done: 3, total: 9)
      try await storage.jobQueue.report(.collecting, progress: progress, under: lease, at: seconds(2), leaseFor: 30)
      try await storage.jobQueue.report(.importing, progress: progress, under: lease, at: seconds(2), leaseFor: 30)
      try await storage.jobQueue.pause(lease, until: seconds(20), at: seconds(3))
      let paused = try #require(try await storage.jobs.job(lease.jobID, in: organization))
      #expect(paused.state == .queued)
      #expect(paused.attempts == 0)
      #expect(paused.progress == [.collecting: progress, .importing: progress])
      #expect(try await storage.jobQueue.claim(by: "w", at: seconds(19), leaseFor: 30) == nil)
      let again = try #require(try await storage.jobQueue.claim(by: "w", at: seconds(20), leaseFor: 30))
      #expect(again.job.id == lease.jobID)
      #expect(again.job.attempts == 1)
    }
  }

  @Test(
    "to cancel a collection's job cancels those of its items, and to retry it queues them again",
    arguments: StorageUnderTest.all)
  func cancelAndRetry(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let lease = try await Self.claim(storage)
      _ = try await Self.begin(storage, lease, ["a", "b", "c"].map { ListedItem(key: $0) })
      let (a, b) = (Self.handedOn("a"), Self.handedOn("b"))
      try await Self.settle(storage, lease, [a])
      try await Self.ingest(storage, "a")
      try await Self.settle(storage, lease, [b, SettledItem(key: "c", state: .failed, reason: "no")])
      let running = try #require(try await storage.jobQueue.claim(by: "w", at: seconds(5), leaseFor: 30))
      _ = try await storage.drainEvents()
      await #expect(throws: StorageFailure.notFound) {
        try await storage.jobs.cancel(lease.jobID, in: otherOrganization, at: seconds(6))
      }
      let cancelled = try await storage.jobs.cancel(lease.jobID, in: organization, at: seconds(6))
      #expect(cancelled.state == .cancelled)
      #expect(try await storage.jobs.job(lease.jobID, in: organization) == cancelled)
      let child = try #require(b.child).job.id
      #expect(try await storage.jobs.job(child, in: organization)?.state == .cancelled)
      #expect(try await storage.drainEvents().map(\.kind) == [.jobCancelled, .jobCancelled])
      await JobQueueTests.expectRefusals(of: running.lease, in: storage, at: seconds(7))
      await JobQueueTests.expectRefusals(of: lease, in: storage, at: seconds(7))
      #expect(try await storage.jobQueue.claim(by: "w", at: seconds(1_000), leaseFor: 30) == nil)
      let report = try await Self.report(storage, lease)
      #expect(report.cancelledJobs == 1)
      #expect(report.openJobs == 0)
      await #expect(throws: StorageFailure.conflict("state")) {
        try await storage.jobs.cancel(lease.jobID, in: organization, at: seconds(8))
      }

      let queued = try await storage.jobs.retry(lease.jobID, in: organization, at: seconds(9))
      #expect(queued.state == .queued)
      #expect(try await storage.jobs.job(child, in: organization)?.state == .queued)
      #expect(try await storage.jobs.job(try #require(a.child).job.id, in: organization)?.state == .indexed)
      #expect(try await Self.waiting(storage, lease) == ["c"])
      #expect(try await storage.collections.run(of: lease.jobID, in: organization)?.startedAt == seconds(9))
      #expect(try await JobQueueTests.claimAll(storage, at: seconds(10)).count == 2)
    }
  }

  @Test("a job that waits, or is done, is cancelled or not", arguments: StorageUnderTest.all)
  func plainJobs(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let waiting = try await storage.queue(job: .repeating(1), at: seconds(1))
      #expect(try await storage.jobs.cancel(waiting, in: organization, at: seconds(2)).state == .cancelled)
      #expect(try await storage.jobQueue.claim(by: "w", at: seconds(3), leaseFor: 30) == nil)
      let page = try await storage.jobs.jobs(in: organization, state: .cancelled, page: PageRequest())
      #expect(page.items.map(\.id) == [waiting])
      await #expect(throws: StorageFailure.notFound) {
        try await storage.jobs.cancel(.random(), in: organization, at: seconds(4))
      }
      #expect(try await storage.jobs.retry(waiting, in: organization, at: seconds(5)).state == .queued)
      let claimed = try #require(try await storage.jobQueue.claim(by: "w", at: seconds(6), leaseFor: 30))
      _ = try await storage.jobQueue.publish(.sample("text"), under: claimed.lease, at: seconds(7))
      await #expect(throws: StorageFailure.conflict("state")) {
        try await storage.jobs.cancel(waiting, in: organization, at: seconds(8))
      }
    }
  }

  @Test("contents of collections are kept as they were submitted", arguments: StorageUnderTest.all)
  func contents(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let contents: [SubmissionContent] = [
        .crawl(Self.pages), .repository(RepositorySpec(location: "https://a.b/c.git", reference: "main")),
        .repository(RepositorySpec(location: "/srv/repo")), .records(name: "x.jsonl", bytes: Data("{}".utf8)),
      ]
      for content in contents {
        let submission = KnowledgeSubmission.sample(content: content)
        try await storage.submissions.insert(submission, content: content)
        #expect(try await storage.submissions.submission(submission.id, in: organization) == submission)
        #expect(try await storage.submissions.content(of: submission.id, in: organization) == content)
      }
    }
  }
}
