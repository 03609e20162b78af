import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: retrying jobs")
struct JobRepositoryTests {
  /// A job that failed for good at second 12, in its third attempt.
  private static func failedJob(_ storage: OpenStorage, id: JobID = .random()) async throws -> JobID {
    let job = try await storage.queue(job: id, at: seconds(1))
    for retryAt in [seconds(10), seconds(10), nil] {
      let lease = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(11), leaseFor: 30)).lease
      try await storage.jobQueue.report(
        .chunking, progress: IngestionJob.Progress(done: 1, total: 2), under: lease, at: seconds(11), leaseFor: 30)
      try await storage.jobQueue.fail("unreadable", retryAt: retryAt, under: lease, at: seconds(12))
    }
    return job
  }

  @Test("a failed job is queued as if it had never been tried", arguments: StorageUnderTest.all)
  func retry(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let id = try await Self.failedJob(storage)
      let failed = try #require(try await storage.jobs.job(id, in: organization))
      #expect(failed.state == .failed)
      #expect(failed.attempts == 3)
      let queued = try await storage.jobs.retry(id, in: organization, at: seconds(20))
      #expect(
        queued
          == IngestionJob(
            id: id, organizationID: organization, submissionID: failed.submissionID, createdAt: seconds(1),
            updatedAt: seconds(20)))
      #expect(try await storage.jobs.job(id, in: organization) == queued)
      let claimed = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(20), leaseFor: 30))
      #expect(claimed.job.id == id)
      #expect(claimed.job.attempts == 1)
      _ = try await storage.jobQueue.publish(.sample("text"), under: claimed.lease, at: seconds(21))
      #expect(try await storage.jobs.job(id, in: organization)?.state == .indexed)
    }
  }

  @Test("only a failed job is retried, and only once", arguments: StorageUnderTest.all)
  func otherStates(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      func expectRefusal(_ id: JobID) async throws {
        let before = try await storage.jobs.job(id, in: organization)
        await #expect(throws: StorageFailure.conflict("state")) {
          try await storage.jobs.retry(id, in: organization, at: seconds(99))
        }
        #expect(try await storage.jobs.job(id, in: organization) == before)
      }
      let failed = try await Self.failedJob(storage)
      _ = try await storage.jobs.retry(failed, in: organization, at: seconds(20))
      try await expectRefusal(failed)
      let running = try #require(try await storage.jobQueue.claim(by: "a", at: seconds(20), leaseFor: 30))
      try await expectRefusal(failed)
      _ = try await storage.jobQueue.publish(.sample("text"), under: running.lease, at: seconds(21))
      try await expectRefusal(failed)
    }
  }

  @Test("a job that is unknown or another tenant's is not found", arguments: StorageUnderTest.all)
  func isolation(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let failed = try await Self.failedJob(storage)
      for (id, tenant) in [(failed, otherOrganization), (.random(), organization)] {
        await #expect(throws: StorageFailure.notFound) {
          try await storage.jobs.retry(id, in: tenant, at: seconds(20))
        }
      }
      #expect(try await storage.jobs.job(failed, in: organization)?.state == .failed)
      #expect(try await storage.jobQueue.claim(by: "a", at: seconds(99), leaseFor: 30) == nil)
    }
  }

  @Test("of those who retry a job at once one does", arguments: StorageUnderTest.all)
  func race(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let id = try await Self.failedJob(storage)
      let wins = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<8 {
          group.addTask {
            do throws(StorageFailure) {
              _ = try await storage.jobs.retry(id, in: organization, at: seconds(20))
              return true
            } catch {
              #expect(error == .conflict("state"))
              return false
            }
          }
        }
        return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(wins == 1)
    }
  }
}
