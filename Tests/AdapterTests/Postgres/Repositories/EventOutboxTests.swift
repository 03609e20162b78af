import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Testing

@Suite("PostgreSQL: relays on one outbox", .needsPostgres)
struct EventOutboxTests {
  @Test("relays at the same moment hand on each event once, a tenant's in their order")
  func relays() async throws {
    try await withReplicas(3) { storages, url in
      let tenants = (0..<4).map { _ in TestTenant() }
      try await withThrowingTaskGroup { group in
        for tenant in tenants {
          group.addTask {
            for _ in 0..<10 { try await tenant.queueJob(in: storages[0]) }
          }
        }
        try await group.waitForAll()
      }
      let log = HandedOn()
      try await withThrowingTaskGroup { group in
        for relay in 0..<6 {
          let outbox = storages[relay % 3].outbox
          group.addTask {
            while await log.count < 80 {
              guard let batch = try await outbox.claim(limit: 5, at: .instant(1), leaseFor: 60) else {
                try await Task.sleep(for: .milliseconds(2))
                continue
              }
              await log.add(batch.events)
              #expect(try await outbox.acknowledge(batch, at: .instant(2)) == batch.events.count)
            }
          }
        }
        try await group.waitForAll()
      }
      let events = await log.events
      #expect(Set(events.map(\.id)).count == 80)
      let positions = try await PostgresTestServer.execute("SELECT id FROM outbox ORDER BY position", at: url)
        .compactMap { $0[0].flatMap { EventID($0) } }
      for tenant in tenants {
        let own = events.filter { $0.organizationID == tenant.id }.map(\.id)
        #expect(own.count == 20)
        #expect(own == positions.filter(Set(own).contains))
      }
    }
  }

  @Test("jobs of several tenants that fail in one batch are each an event of their own tenant")
  func failures() async throws {
    try await withReplicas { storages, _ in
      let tenants = (0..<4).map { _ in TestTenant() }
      for tenant in tenants { for _ in 0..<5 { try await tenant.queueJob(in: storages[0]) } }
      let old = try #require(try await storages[0].outbox.claim(limit: 100, at: .instant(1), leaseFor: 60))
      try await storages[0].outbox.acknowledge(old, at: .instant(1))
      var claimed: [ClaimedJob] = []
      while let job = try await storages[0].jobQueue.claim(by: "w", at: .instant(2), leaseFor: 60) {
        claimed.append(job)
      }
      #expect(claimed.count == 20)
      try await withThrowingTaskGroup { group in
        for (index, job) in claimed.enumerated() {
          group.addTask {
            // Every second one is tried again, which is no event.
            try await storages[0].jobQueue.fail(
              "reason \(index)", retryAt: index % 2 == 0 ? nil : .instant(99), under: job.lease, at: .instant(3))
          }
        }
        try await group.waitForAll()
      }
      let events = try await storages[0].outbox.claim(limit: 100, at: .instant(4), leaseFor: 60)?.events ?? []
      #expect(events.count == 10)
      for (index, job) in claimed.enumerated() where index % 2 == 0 {
        let event = try #require(events.first { $0.subjectID == job.job.id.uuid })
        #expect(event.kind == .jobFailed)
        #expect(event.organizationID == job.job.organizationID)
        #expect(event.occurredAt == .instant(3))
        #expect(
          event.attributes == [
            "attempts": "1", "reason": "reason \(index)", "submissionId": job.submission.id.description,
          ])
      }
    }
  }
}

/// Events in the order in which they were handed on.
private actor HandedOn {
  private(set) var events: [DomainEvent] = []

  var count: Int { events.count }

  func add(_ more: [DomainEvent]) { events += more }
}
