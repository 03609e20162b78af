import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: the job queue")
struct JobQueueTests {
  private static let none = IngestionJob.Progress(done: 0, total: 0)

  @Test("a claimed job counts the attempt and comes with its submission", arguments: StorageUnderTest.all)
  func claim(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      #expect(try await storage.jobQueue.claim(by: "w", at: seconds(2), leaseFor: 30) == nil)
      let submission = KnowledgeSubmission.sample(metadata: ["a": .string("b")])
      let job = try await storage.queue(submission)
      let claimed = try #require(try await storage.jobQueue.claim(by: "w", at: seconds(2), leaseFor: 30))
      #expect(claimed.job.id == job)
      #expect(claimed.job.attempts == 1)
      #expect(claimed.job.state == .extracting)
      #expect(claimed.job.updatedAt == seconds(2))
      #expect(claimed.submission.id == submission.id)
      #expect(claimed.submission.status == .approved)
      #expect(claimed.submission.metadata == submission.metadata)
      #expect(claimed.lease.jobID == job)
      #expect(claimed.lease.organizationID == organization)
      #expect(try await storage.jobs.job(job, in: organization) == claimed.job)
      #expect(try await storage.jobQueue.claim(by: "w", at: seconds(2), leaseFor: 30) == nil)
    }
  }

  @Test("of a tenant the oldest job comes first, ties by id", arguments: StorageUnderTest.all)
  func order(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      try await storage.queue(job: .repeating(1), at: seconds(9))
      try await storage.queue(job: .repeating(3), at: seconds(5))
      try await storage.queue(job: .repeating(2), at: seconds(5))
      #expect(try await Self.claimAll(storage, at: seconds(10)) == [.repeating(2), .repeating(3), .repeating(1)])
    }
  }

  /// The jobs in the order in which they are claimed, each to run on.
  static func claimAll(_ storage: OpenStorage, at time: Date) async throws -> [JobID] {
    var claimed: [JobID] = []
    while let job = try await storage.jobQueue.claim(by: "w", at: time, leaseFor: 30) { claimed.append(job.job.id) }
    return claimed
  }

  @Test("of workers who claim at once each job goes to one", arguments: StorageUnderTest.all)
  func claimRace(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      for _ in 0..<5 { try await storage.queue() }
      let claimed = try await withThrowingTaskGroup(of: JobID?.self) { group in
        for index in 0..<12 {
          group.addTask {
            try await storage.jobQueue.claim(by: "w\(index)", at: seconds(2), leaseFor: 30)?.job.id
          }
        }
        return try await group.compactMap(\.self).reduce(into: [JobID]()) { $0.append($1) }
      }
      #expect(claimed.count == 5)
      #expect(Set(claimed).count == 5)
    }
  }

  @Test("a lease holds to its end and not beyond; the late worker is refused", arguments: StorageUnderTest.all)
  func expiry(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let job = try await storage.queue()
      let first = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(10), leaseFor: 30))
      #expect(try await storage.jobQueue.claim(by: "b", at: seconds(39), leaseFor: 30) == nil)
      let second = try #require(try await storage.jobQueue.claim(by: "b", at: seconds(40), leaseFor: 30))
      #expect(second.job.id == job)
      #expect(second.job.attempts == 2)
      #expect(second.lease.token != first.lease.token)
      await Self.expectRefusals(of: first.lease, in: storage, at: seconds(41))
      #expect(try await storage.jobs.job(job, in: organization) == second.job)
      #expect(try await storage.documents.documents(in: organization, page: PageRequest()).items.isEmpty)
      _ = try await storage.jobQueue.publish(.sample("text"), under: second.lease, at: seconds(42))
      await Self.expectRefusals(of: second.lease, in: storage, at: seconds(43))
      #expect(try await storage.documents.documents(in: organization, page: PageRequest()).items.count == 1)
    }
  }

  /// Every write under a lease that no longer holds.
  static func expectRefusals(of lease: JobLease, in storage: OpenStorage, at time: Date) async {
    await #expect(throws: LeaseFailure.lost) {
      try await storage.jobQueue.report(.embedding, progress: Self.none, under: lease, at: time, leaseFor: 30)
    }
    await #expect(throws: LeaseFailure.lost) {
      try await storage.jobQueue.publish(.sample("late"), under: lease, at: time)
    }
    await #expect(throws: LeaseFailure.lost) {
      try await storage.jobQueue.fail("late", retryAt: nil, under: lease, at: time)
    }
    await #expect(throws: LeaseFailure.lost) { try await storage.jobQueue.release(lease, at: time) }
  }

  @Test("a lease that ran out but was given to nobody else still holds", arguments: StorageUnderTest.all)
  func expiredButHeld(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let job = try await storage.queue()
      let claimed = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(10), leaseFor: 30))
      _ = try await storage.jobQueue.publish(.sample("text"), under: claimed.lease, at: seconds(100))
      #expect(try await storage.jobs.job(job, in: organization)?.state == .indexed)
      #expect(try await storage.jobQueue.claim(by: "b", at: seconds(200), leaseFor: 30) == nil)
    }
  }

  @Test("the dead letters are the jobs of all tenants that have failed for good", arguments: StorageUnderTest.all)
  func deadLetters(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let queue = storage.jobQueue
      #expect(try await queue.deadLetters() == DeadLetters(count: 0, oldest: nil))
      let first = try await storage.queue(at: seconds(1))
      try await storage.queue(.sample(in: otherOrganization), at: seconds(2))
      try await storage.queue(at: seconds(3))
      try await storage.queue(at: seconds(4))
      for (index, retryAt) in [nil, nil, seconds(99)].enumerated() {
        let lease = try #require(try await queue.claim(by: "a", at: seconds(10), leaseFor: 30)).lease
        try await queue.fail("x", retryAt: retryAt, under: lease, at: seconds(20 + Int64(index)))
      }
      #expect(try await queue.deadLetters() == DeadLetters(count: 2, oldest: seconds(20)))
      _ = try await storage.jobs.retry(first, in: organization, at: seconds(30))
      #expect(try await queue.deadLetters() == DeadLetters(count: 1, oldest: seconds(21)))
    }
  }

  @Test("a lease of another tenant's name is refused", arguments: StorageUnderTest.all)
  func foreignLease(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      try await storage.queue()
      let claimed = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(10), leaseFor: 30))
      let forged = JobLease(
        jobID: claimed.lease.jobID, organizationID: otherOrganization, token: claimed.lease.token)
      await Self.expectRefusals(of: forged, in: storage, at: seconds(11))
    }
  }

  @Test("a report stores state and progress stage by stage and extends the lease", arguments: StorageUnderTest.all)
  func report(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let job = try await storage.queue()
      let lease = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(10), leaseFor: 30)).lease
      let steps: [(IngestionJob.State, Int, Int)] = [
        (.extracting, 5, 5), (.chunking, 1, 0), (.embedding, 2, 9), (.embedding, 3, 9),
      ]
      for (index, (state, done, total)) in steps.enumerated() {
        try await storage.jobQueue.report(
          state, progress: IngestionJob.Progress(done: done, total: total), under: lease,
          at: seconds(20 + Int64(index)), leaseFor: 30)
      }
      let stored = try #require(try await storage.jobs.job(job, in: organization))
      #expect(stored.state == .embedding)
      #expect(stored.updatedAt == seconds(23))
      #expect(
        stored.progress == [
          .extracting: IngestionJob.Progress(done: 5, total: 5), .chunking: IngestionJob.Progress(done: 1, total: 0),
          .embedding: IngestionJob.Progress(done: 3, total: 9),
        ])
      #expect(try await storage.jobQueue.claim(by: "b", at: seconds(52), leaseFor: 30) == nil)
      let next = try #require(try await storage.jobQueue.claim(by: "b", at: seconds(53), leaseFor: 30))
      #expect(next.job.progress.isEmpty)
    }
  }

  @Test(
    "only a stage can be reported: nothing else ends or queues a job by the way", arguments: StorageUnderTest.all,
    [IngestionJob.State.queued, .indexed, .failed])
  func reportOfNoStage(_ kind: StorageUnderTest, state: IngestionJob.State) async throws {
    try await kind.withStorage { storage in
      let job = try await storage.queue()
      let claimed = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(10), leaseFor: 30))
      await #expect(throws: LeaseFailure.storage(.conflict("state"))) {
        try await storage.jobQueue.report(
          state, progress: Self.none, under: claimed.lease, at: seconds(11), leaseFor: 30)
      }
      #expect(try await storage.jobs.job(job, in: organization) == claimed.job)
    }
  }

  @Test("a failed attempt is due again at its time, with its reason", arguments: StorageUnderTest.all)
  func retry(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let job = try await storage.queue()
      let lease = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(10), leaseFor: 30)).lease
      try await storage.jobQueue.fail("no network", retryAt: seconds(60), under: lease, at: seconds(11))
      let failed = try #require(try await storage.jobs.job(job, in: organization))
      #expect(failed.state == .queued)
      #expect(failed.error == "no network")
      #expect(failed.attempts == 1)
      await Self.expectRefusals(of: lease, in: storage, at: seconds(12))
      #expect(try await storage.jobQueue.claim(by: "a", at: seconds(59), leaseFor: 30) == nil)
      let again = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(60), leaseFor: 30))
      #expect(again.job.attempts == 2)
      #expect(again.job.error == "no network")
      _ = try await storage.jobQueue.publish(.sample("text"), under: again.lease, at: seconds(61))
      #expect(try await storage.jobs.job(job, in: organization)?.error == nil)
    }
  }

  @Test("a delayed job does not hold up the ones after it", arguments: StorageUnderTest.all)
  func delayDoesNotBlock(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      try await storage.queue(at: seconds(1))
      let second = try await storage.queue(at: seconds(2))
      let lease = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(10), leaseFor: 30)).lease
      try await storage.jobQueue.fail("x", retryAt: seconds(60), under: lease, at: seconds(11))
      #expect(try await storage.jobQueue.claim(by: "a", at: seconds(12), leaseFor: 30)?.job.id == second)
    }
  }

  @Test("a job that failed for good stays so", arguments: StorageUnderTest.all)
  func finalFailure(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let job = try await storage.queue()
      let lease = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(10), leaseFor: 30)).lease
      try await storage.jobQueue.fail("unreadable", retryAt: nil, under: lease, at: seconds(11))
      let failed = try #require(try await storage.jobs.job(job, in: organization))
      #expect(failed.state == .failed)
      #expect(failed.error == "unreadable")
      #expect(try await storage.jobQueue.claim(by: "a", at: seconds(9_999), leaseFor: 30) == nil)
      await Self.expectRefusals(of: lease, in: storage, at: seconds(12))
    }
  }

  @Test("a job handed back is due at once and the attempt does not count", arguments: StorageUnderTest.all)
  func release(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let job = try await storage.queue()
      let lease = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(10), leaseFor: 30)).lease
      try await storage.jobQueue.release(lease, at: seconds(11))
      let released = try #require(try await storage.jobs.job(job, in: organization))
      #expect(released.state == .queued)
      #expect(released.attempts == 0)
      await Self.expectRefusals(of: lease, in: storage, at: seconds(11))
      let again = try #require(try await storage.jobQueue.claim(by: "b", at: seconds(11), leaseFor: 30))
      #expect(again.job.attempts == 1)
    }
  }

  @Test("jobs are listed newest first, narrowed by state, for their tenant alone", arguments: StorageUnderTest.all)
  func listing(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      for byte in UInt8(1)...5 {
        try await storage.queue(job: .repeating(byte), at: seconds(byte <= 3 ? 1 : Int64(byte)))
      }
      let foreign = try await storage.queue(.sample(in: otherOrganization), at: seconds(100))
      _ = try await storage.jobQueue.claim(by: "a", at: seconds(50), leaseFor: 30)
      func ids(_ state: IngestionJob.State?) async throws -> [JobID] {
        try await allPages(size: 2) { try await storage.jobs.jobs(in: organization, state: state, page: $0) }
          .items.map(\.id)
      }
      #expect(try await ids(nil) == [5, 4, 3, 2, 1].map { .repeating($0) })
      #expect(try await ids(.queued) == [5, 4, 3, 2].map { .repeating($0) })
      #expect(try await ids(.extracting) == [.repeating(1)])
      #expect(try await ids(.failed).isEmpty)
      #expect(try await storage.jobs.job(foreign, in: organization) == nil)
      #expect(try await storage.jobs.job(foreign, in: otherOrganization)?.id == foreign)
    }
  }
}
