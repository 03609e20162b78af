import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: the tenants take turns in the job queue")
struct JobFairnessTests {
  private static let third = OrganizationID.random()

  /// Claims until nothing is due; answers with the tenant of each job, in order.
  private static func turns(_ storage: OpenStorage, at time: Date) async throws -> [OrganizationID] {
    var tenants: [OrganizationID] = []
    while let job = try await storage.jobQueue.claim(by: "w", at: time, leaseFor: 30) {
      tenants.append(job.job.organizationID)
    }
    return tenants
  }

  @Test("a tenant with fifty jobs does not keep another's one waiting", arguments: StorageUnderTest.all)
  func largeBacklog(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      for index in 0..<50 { try await storage.queue(at: seconds(Int64(index))) }
      let late = try await storage.queue(.sample(in: otherOrganization), at: seconds(90))
      let first = try #require(try await storage.jobQueue.claim(by: "w", at: seconds(100), leaseFor: 30))
      #expect(first.job.organizationID == organization)
      #expect(try await storage.jobQueue.claim(by: "w", at: seconds(100), leaseFor: 30)?.job.id == late)
      #expect(try await Self.turns(storage, at: seconds(100)) == Array(repeating: organization, count: 49))
    }
  }

  @Test("among tenants that run as many jobs the oldest job decides, ties by id", arguments: StorageUnderTest.all)
  func ties(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let jobs: [(UInt8, OrganizationID, Int64)] = [
        (9, Self.third, 1), (4, organization, 5), (3, otherOrganization, 5), (8, Self.third, 6), (1, organization, 9),
        (2, otherOrganization, 7), (7, Self.third, 8),
      ]
      for (id, tenant, time) in jobs {
        try await storage.queue(.sample(in: tenant), job: .repeating(id), at: seconds(time))
      }
      let claimed = try await JobQueueTests.claimAll(storage, at: seconds(10))
      #expect(claimed == [9, 3, 4, 8, 2, 1, 7].map { JobID.repeating($0) })
    }
  }

  @Test("only leases that hold count: not one that ran out, nor a job that is done", arguments: StorageUnderTest.all)
  func deadLeases(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      // Three jobs of one tenant run; one of the other's was claimed later and holds longer.
      for index in 0..<3 { try await storage.queue(job: .repeating(UInt8(11 + index)), at: seconds(1)) }
      #expect(try await JobQueueTests.claimAll(storage, at: seconds(2)).count == 3)
      try await storage.queue(.sample(in: otherOrganization), at: seconds(3))
      _ = try await storage.jobQueue.claim(by: "w", at: seconds(20), leaseFor: 30)
      let own = try await storage.queue(job: .repeating(1), at: seconds(4))
      let foreign = try await storage.queue(.sample(in: otherOrganization), job: .repeating(2), at: seconds(4))
      // While all four leases hold, the other tenant runs fewer.
      #expect(try await storage.jobQueue.claim(by: "w", at: seconds(31), leaseFor: 1)?.job.id == foreign)
      // The three have run out: their tenant runs none, and its oldest job is one of them.
      #expect(try await storage.jobQueue.claim(by: "w", at: seconds(33), leaseFor: 1)?.job.id == .repeating(11))
      // A job that ends counts no more.
      let last = try #require(try await storage.jobQueue.claim(by: "w", at: seconds(60), leaseFor: 30))
      #expect(last.job.createdAt == seconds(1))
      try await storage.jobQueue.fail("x", retryAt: nil, under: last.lease, at: seconds(60))
      let next = try #require(try await storage.jobQueue.claim(by: "w", at: seconds(60), leaseFor: 30))
      #expect(next.job.organizationID == organization)
      #expect(own != next.job.id)
    }
  }

  @Test("a job whose time has not come gives its tenant no turn", arguments: StorageUnderTest.all)
  func delayed(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      try await storage.queue(at: seconds(1))
      let delayed = try #require(try await storage.jobQueue.claim(by: "w", at: seconds(2), leaseFor: 30))
      try await storage.jobQueue.fail("x", retryAt: seconds(90), under: delayed.lease, at: seconds(2))
      let tenants = [otherOrganization, Self.third, otherOrganization]
      for (index, tenant) in tenants.enumerated() {
        try await storage.queue(.sample(in: tenant), at: seconds(Int64(3 + index)))
      }
      #expect(try await Self.turns(storage, at: seconds(10)) == tenants)
      #expect(try await storage.jobQueue.claim(by: "w", at: seconds(90), leaseFor: 30)?.job.id == delayed.job.id)
    }
  }

  @Test("after workers have claimed at once, the turns go to whoever runs the fewest", arguments: StorageUnderTest.all)
  func race(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let tenants = (0..<4).map { _ in OrganizationID.random() }
      var waiting: [OrganizationID: Int] = [:]
      for (index, tenant) in tenants.enumerated() {
        waiting[tenant] = index == 0 ? 9 : 3
        for _ in 0..<(index == 0 ? 9 : 3) { try await storage.queue(.sample(in: tenant), at: seconds(Int64(index))) }
      }
      let claimed = try await withThrowingTaskGroup(of: IngestionJob?.self) { group in
        for index in 0..<8 {
          group.addTask { try await storage.jobQueue.claim(by: "w\(index)", at: seconds(9), leaseFor: 30)?.job }
        }
        return try await group.reduce(into: [IngestionJob]()) { if let job = $1 { $0.append(job) } }
      }
      #expect(Set(claimed.map(\.id)).count == 8)
      var running: [OrganizationID: Int] = [:]
      func count(_ job: IngestionJob) {
        running[job.organizationID, default: 0] += 1
        waiting[job.organizationID, default: 0] -= 1
      }
      claimed.forEach(count)
      while let job = try await storage.jobQueue.claim(by: "w", at: seconds(9), leaseFor: 30)?.job {
        let fewest = tenants.filter { waiting[$0, default: 0] > 0 }.map { running[$0, default: 0] }.min()
        #expect(running[job.organizationID, default: 0] == fewest)
        count(job)
      }
      #expect(waiting.values.allSatisfy { $0 == 0 })
    }
  }
}
