import Application
import Domain
import Foundation
import PostgresTesting
import Testing

@testable import PostgresStorage

@Suite("PostgreSQL: tenants take turns", .needsPostgres)
struct JobQueueFairnessTests {
  @Test("a tenant with a few jobs waits for one turn behind a tenant with thousands")
  func depth() async throws {
    try await withReplicas { storages, url in
      let (many, few) = (TestTenant(), TestTenant())
      try await many.queueJobs(5000, at: url)
      try await few.queueJobs(5, at: url)
      var tenants: [OrganizationID] = []
      for _ in 0..<20 {
        let claimed = try await storages[0].jobQueue.claim(by: "w", at: .instant(0), leaseFor: 60)
        tenants.append(try #require(claimed).job.organizationID)
      }
      for pair in 0..<5 { #expect(Set(tenants[2 * pair..<2 * pair + 2]) == [many.id, few.id]) }
      #expect(tenants[10...].allSatisfy { $0 == many.id })
    }
  }

  /// Claims with so many workers at once.
  private func claim(_ workers: Int, _ storage: PostgresStorage) async throws -> [OrganizationID: Int] {
    try await withThrowingTaskGroup(of: OrganizationID?.self) { group in
      for worker in 0..<workers {
        group.addTask {
          try await storage.jobQueue.claim(by: "\(worker)", at: .instant(0), leaseFor: 60)?.job.organizationID
        }
      }
      return try await group.compactMap(\.self).reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
  }

  @Test("workers who claim at the same moment share the tenants evenly, whatever their jobs")
  func batch() async throws {
    try await withReplicas { storages, url in
      let tenants = (0..<12).map { _ in TestTenant() }
      // Nine with one job each, whose oldest are older than those of the others.
      for tenant in tenants[..<9] { try await tenant.queueJobs(1, at: url) }
      for tenant in tenants[9...] { try await tenant.queueJobs(400, at: url) }
      let claimed = try await claim(129, storages[0])
      #expect(claimed.values.reduce(0, +) == 129)
      for tenant in tenants[..<9] { #expect(claimed[tenant.id] == 1) }
      for tenant in tenants[9...] { #expect(claimed[tenant.id] == 40) }
    }
  }

  @Test("a batch takes what as many claims one after the other would take", arguments: 0..<4)
  func model(_ seed: Int) async throws {
    var random = SplitMix64(seed: UInt64(seed))
    try await withReplicas { storages, url in
      let database = PostgresDatabase(configuration: try PostgresConfiguration(url: url))
      var model: [OrganizationID: (running: Int, jobs: [TurnKey])] = [:]
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        let tenant = TestTenant()
        let jobs = Int.random(in: 0...40, using: &random)
        try await tenant.queueJobs(jobs, at: url)
        let running = Int.random(in: 0...min(jobs, 8), using: &random)
        try await PostgresTestServer.execute(
          """
          UPDATE ingestion_jobs SET state = 'chunking', lease_token = gen_random_uuid(), lease_expires_at = '2100-01-01'
          WHERE id IN (SELECT id FROM ingestion_jobs WHERE organization_id = '\(tenant.id)' LIMIT \(running))
          """, at: url)
        model[tenant.id] = (running, [])
      }
      for row in try await PostgresTestServer.execute(
        """
        SELECT organization_id, extract(epoch FROM created_at), id FROM ingestion_jobs WHERE state = 'queued'
        ORDER BY created_at, id
        """, at: url)
      {
        let tenant = try #require(row[0].flatMap { OrganizationID($0) })
        model[tenant]?.jobs.append(
          TurnKey(createdAt: try #require(row[1].flatMap(Double.init)), id: try #require(row[2].flatMap { JobID($0) })))
      }
      while model.values.contains(where: { !$0.jobs.isEmpty }) {
        let claims = (0..<Int.random(in: 1...60, using: &random)).map { worker in
          JobClaim(worker: "\(worker)", time: .instant(0), expiry: .instant(60))
        }
        var expected: Set<JobID> = []
        for _ in claims {
          let next = model.filter { !$0.value.jobs.isEmpty }.min {
            ($0.value.running, $0.value.jobs[0]) < ($1.value.running, $1.value.jobs[0])
          }
          guard let (tenant, state) = next else { break }
          expected.insert(state.jobs[0].id)
          model[tenant] = (state.running + 1, Array(state.jobs.dropFirst()))
        }
        let claimed = try await database.claim(claims)
        #expect(Set(claimed.compactMap { $0?.job.id }) == expected)
      }
      #expect(try await storages[0].jobQueue.claim(by: "w", at: .instant(0), leaseFor: 1) == nil)
      await database.close()
    }
  }

  /// What decides between two jobs whose tenants run as many.
  private struct TurnKey: Comparable {
    let createdAt: Double
    let id: JobID

    static func < (left: Self, right: Self) -> Bool { (left.createdAt, left.id) < (right.createdAt, right.id) }
  }

  @Test("a tenant whose jobs run already stands behind those whose do not")
  func running() async throws {
    try await withReplicas { storages, url in
      let (busy, idle) = (TestTenant(), TestTenant())
      try await busy.queueJobs(100, at: url)
      #expect(try await claim(6, storages[0]) == [busy.id: 6])
      try await idle.queueJobs(100, at: url)
      #expect(try await claim(6, storages[0]) == [idle.id: 6])
      #expect(try await claim(10, storages[0]) == [busy.id: 5, idle.id: 5])
    }
  }

  @Test("delayed jobs by the thousand hold up neither their tenant's next job nor its turn")
  func delayed() async throws {
    try await withReplicas { storages, url in
      let (tenant, other) = (TestTenant(), TestTenant())
      try await tenant.queueJobs(3000, at: url)
      try await PostgresTestServer.execute("UPDATE ingestion_jobs SET run_after = '2100-01-01'", at: url)
      let job = try await tenant.queueJob(in: storages[0])
      let theirs = try await other.queueJob(in: storages[0], at: .instant(1))
      let first = try await storages[0].jobQueue.claim(by: "w", at: .instant(2), leaseFor: 60)
      let second = try await storages[0].jobQueue.claim(by: "w", at: .instant(2), leaseFor: 60)
      #expect(first?.job.id == job)
      #expect(second?.job.id == theirs)
      #expect(try await storages[0].jobQueue.claim(by: "w", at: .instant(2), leaseFor: 60) == nil)
      // When their time has come, they come in the order of their making.
      try await PostgresTestServer.execute(
        "UPDATE ingestion_jobs SET run_after = '2026-01-02' WHERE run_after IS NOT NULL", at: url)
      let times = try await withThrowingTaskGroup(of: Date?.self) { group in
        for _ in 0..<200 {
          group.addTask {
            try await storages[0].jobQueue.claim(by: "w", at: .instant(2), leaseFor: 60)?.job.createdAt
          }
        }
        return try await group.compactMap(\.self).reduce(into: []) { $0.append($1) }
      }
      #expect(times.count == 200)
    }
  }
}
