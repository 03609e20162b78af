import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Testing

@Suite("PostgreSQL: workers on one queue", .needsPostgres)
struct JobQueueConcurrencyTests {
  @Test("ten workers of three replicas take five hundred jobs, each once")
  func eachOnce() async throws {
    try await withReplicas(3) { storages, url in
      for _ in 0..<5 { try await TestTenant().queueJobs(100, at: url) }
      let claimed = try await withThrowingTaskGroup(of: [JobID].self) { group in
        for worker in 0..<10 {
          let queue = storages[worker % 3].jobQueue
          group.addTask {
            var jobs: [JobID] = []
            while let claimed = try await queue.claim(by: "\(worker)", at: .instant(1), leaseFor: 30) {
              #expect(claimed.job.attempts == 1)
              #expect(claimed.submission.organizationID == claimed.job.organizationID)
              jobs.append(claimed.job.id)
            }
            return jobs
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(claimed.count == 500)
      #expect(Set(claimed).count == 500)
    }
  }

  @Test("a job whose worker is gone runs again when its lease ends, once")
  func expiry() async throws {
    try await withReplicas(2) { storages, url in
      let tenant = TestTenant()
      try await tenant.queueJobs(20, at: url)
      func claimAll(at time: Date) async throws -> [ClaimedJob] {
        try await withThrowingTaskGroup(of: ClaimedJob?.self) { group in
          for worker in 0..<40 {
            let queue = storages[worker % 2].jobQueue
            group.addTask { try await queue.claim(by: "\(worker)", at: time, leaseFor: 20) }
          }
          return try await group.compactMap(\.self).reduce(into: []) { $0.append($1) }
        }
      }
      let first = try await claimAll(at: .instant(0))
      #expect(first.count == 20)
      #expect(try await claimAll(at: .instant(19)).isEmpty)
      let second = try await claimAll(at: .instant(20))
      #expect(Set(second.map(\.job.id)) == Set(first.map(\.job.id)))
      #expect(second.count == 20)
      #expect(second.allSatisfy { $0.job.attempts == 2 })
      for late in first {
        await #expect(throws: LeaseFailure.lost) {
          try await storages[0].jobQueue.publish(.of("late"), under: late.lease, at: .instant(21))
        }
      }
    }
  }

  @Test("in a batch whoever lost the lease is refused and the others' writes stand")
  func lostInBatch() async throws {
    try await withReplicas { storages, url in
      let queue = storages[0].jobQueue
      let tenant = TestTenant()
      try await tenant.queueJobs(30, at: url)
      var claimed: [ClaimedJob] = []
      while let job = try await queue.claim(by: "a", at: .instant(0), leaseFor: claimed.count < 10 ? 5 : 60) {
        claimed.append(job)
      }
      // The first ten ran out, and another worker has them.
      for _ in 0..<10 { _ = try #require(try await queue.claim(by: "b", at: .instant(10), leaseFor: 60)) }
      let outcomes = await withTaskGroup(of: (Int, LeaseFailure?).self) { group in
        for (index, job) in claimed.enumerated() {
          group.addTask {
            do throws(LeaseFailure) {
              switch index % 3 {
              case 0: try await queue.fail("no", retryAt: nil, under: job.lease, at: .instant(11))
              case 1: try await queue.release(job.lease, at: .instant(11))
              default:
                try await queue.report(
                  .chunking, progress: .init(done: 1, total: 2), under: job.lease, at: .instant(11), leaseFor: 60)
              }
              return (index, nil)
            } catch {
              return (index, error)
            }
          }
        }
        return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
      }
      for (index, job) in claimed.enumerated() {
        #expect(outcomes[index] == (index < 10 ? .lost : nil))
        let stored = try #require(try await storages[0].jobs.job(job.job.id, in: tenant.id))
        let expected: IngestionJob.State = index < 10 ? .extracting : [.failed, .queued, .chunking][index % 3]
        #expect(stored.state == expected)
        #expect(stored.attempts == (index < 10 ? 2 : index % 3 == 1 ? 0 : 1))
      }
    }
  }

  @Test("workers that are told to stop while they claim lose no job and no attempt")
  func cancelledClaims() async throws {
    try await withReplicas(2) { storages, url in
      let tenant = TestTenant()
      try await tenant.queueJobs(200, at: url)
      var held: Set<JobID> = []
      for round in 0..<10 {
        let tasks = (0..<40).map { worker in
          let queue = storages[worker % 2].jobQueue
          return Task { try? await queue.claim(by: "\(worker)", at: .instant(0), leaseFor: 3600)?.job.id }
        }
        for (index, task) in tasks.enumerated() where index % 3 != 0 {
          if index % 2 == round % 2 { await Task.yield() }
          task.cancel()
        }
        for task in tasks { if let job = await task.value { #expect(held.insert(job).inserted) } }
      }
      let rows = try await PostgresTestServer.execute(
        "SELECT id, attempts FROM ingestion_jobs WHERE state = 'queued'", at: url)
      #expect(rows.count == 200 - held.count)
      #expect(rows.allSatisfy { $0[1] == "0" })
    }
  }

  @Test("a publication that takes its time holds up no other job's heartbeat")
  func slowPublication() async throws {
    try await withReplicas { storages, url in
      let queue = storages[0].jobQueue
      try await TestTenant().queueJobs(2, at: url)
      let slow = try #require(try await queue.claim(by: "a", at: .instant(0), leaseFor: 60))
      let other = try #require(try await queue.claim(by: "b", at: .instant(0), leaseFor: 60))
      async let publication = PostgresTestServer.execute(
        "BEGIN; SELECT FROM ingestion_jobs WHERE id = '\(slow.job.id)' FOR UPDATE; SELECT pg_sleep(1.5); COMMIT",
        at: url)
      try await Task.sleep(for: .milliseconds(300))
      let start = ContinuousClock.now
      func report(_ lease: JobLease) async throws -> Duration {
        try await queue.report(
          .chunking, progress: .init(done: 1, total: 2), under: lease, at: .instant(1), leaseFor: 60)
        return ContinuousClock.now - start
      }
      async let first = report(slow.lease)
      async let second = report(other.lease)
      #expect(try await second < .seconds(1))
      #expect(try await first > .milliseconds(800))
      _ = try await publication
    }
  }
}
