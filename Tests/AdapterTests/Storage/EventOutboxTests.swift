import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: the outbox")
struct EventOutboxTests {
  /// Writes `count` events of a tenant, a second apart, and answers with their subjects.
  @discardableResult
  private static func write(
    _ count: Int, _ storage: OpenStorage, in tenant: OrganizationID = organization, from start: Int64 = 0
  ) async throws -> [UUID] {
    var subjects: [UUID] = []
    for index in 0..<Int64(count) {
      let submission = KnowledgeSubmission.sample(in: tenant, createdAt: seconds(start + index))
      try await storage.submissions.insert(submission, content: .text("text"))
      subjects.append(submission.id.uuid)
    }
    return subjects
  }

  @Test("events come in the order in which they were written, whenever they occurred", arguments: StorageUnderTest.all)
  func order(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      #expect(try await storage.outbox.claim(limit: 9, at: seconds(1), leaseFor: 30) == nil)
      let subjects =
        try await Self.write(2, storage, from: 50) + Self.write(1, storage, in: otherOrganization, from: 9)
        + Self.write(2, storage, from: 5)
      #expect(try await storage.outbox.claim(limit: 0, at: seconds(60), leaseFor: 30) == nil)
      var taken: [UUID] = []
      while let batch = try await storage.outbox.claim(limit: 2, at: seconds(60), leaseFor: 30) {
        #expect(batch.events.count <= 2)
        taken += batch.events.map(\.subjectID)
        #expect(try await storage.outbox.acknowledge(batch, at: seconds(60)) == batch.events.count)
      }
      #expect(taken == subjects)
    }
  }

  @Test("while a claim holds its tenants' later events wait, and others' do not", arguments: StorageUnderTest.all)
  func tenants(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let own = try await Self.write(3, storage)
      let first = try #require(try await storage.outbox.claim(limit: 1, at: seconds(60), leaseFor: 30))
      #expect(first.events.map(\.subjectID) == [own[0]])
      #expect(try await storage.outbox.claim(limit: 9, at: seconds(60), leaseFor: 30) == nil)
      let foreign = try await Self.write(2, storage, in: otherOrganization)
      let second = try #require(try await storage.outbox.claim(limit: 9, at: seconds(61), leaseFor: 30))
      #expect(second.events.map(\.subjectID) == foreign)
      try await storage.outbox.acknowledge(first, at: seconds(62))
      let third = try #require(try await storage.outbox.claim(limit: 9, at: seconds(62), leaseFor: 30))
      #expect(third.events.map(\.subjectID) == Array(own.dropFirst()))
    }
  }

  @Test("a claim that ran out is claimed again, from its first event on", arguments: StorageUnderTest.all)
  func expiry(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let subjects = try await Self.write(3, storage)
      let dead = try #require(try await storage.outbox.claim(limit: 2, at: seconds(60), leaseFor: 30))
      #expect(try await storage.outbox.claim(limit: 9, at: seconds(89), leaseFor: 30) == nil)
      let again = try #require(try await storage.outbox.claim(limit: 9, at: seconds(90), leaseFor: 30))
      #expect(again.events.map(\.subjectID) == subjects)
      #expect(Array(again.events.prefix(2)) == dead.events)
      #expect(again.token != dead.token)
      // The dead one wakes: what it says counts no more.
      #expect(try await storage.outbox.acknowledge(dead, at: seconds(91)) == 0)
      #expect(try await storage.outbox.claim(limit: 9, at: seconds(92), leaseFor: 30) == nil)
      #expect(try await storage.outbox.acknowledge(again, at: seconds(93)) == 3)
      #expect(try await storage.outbox.acknowledge(again, at: seconds(94)) == 0)
      #expect(try await storage.outbox.claim(limit: 9, at: seconds(999), leaseFor: 30) == nil)
    }
  }

  @Test("a claim that ran out but was given to nobody else still counts", arguments: StorageUnderTest.all)
  func expiredButHeld(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      try await Self.write(1, storage)
      let batch = try #require(try await storage.outbox.claim(limit: 9, at: seconds(60), leaseFor: 30))
      #expect(try await storage.outbox.acknowledge(batch, at: seconds(200)) == 1)
      #expect(try await storage.outbox.claim(limit: 9, at: seconds(200), leaseFor: 30) == nil)
    }
  }

  @Test("a part of a dead claim that another took over is that one's alone", arguments: StorageUnderTest.all)
  func partialTakeover(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let subjects = try await Self.write(3, storage)
      let dead = try #require(try await storage.outbox.claim(limit: 3, at: seconds(60), leaseFor: 30))
      let first = try #require(try await storage.outbox.claim(limit: 1, at: seconds(90), leaseFor: 30))
      #expect(first.events.map(\.subjectID) == [subjects[0]])
      #expect(try await storage.outbox.acknowledge(dead, at: seconds(91)) == 2)
      #expect(try await storage.outbox.acknowledge(first, at: seconds(92)) == 1)
      #expect(try await storage.outbox.claim(limit: 9, at: seconds(200), leaseFor: 30) == nil)
    }
  }

  @Test("of consumers who claim at once no two have an event, or events of one tenant", arguments: StorageUnderTest.all)
  func race(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      for _ in 0..<6 { try await Self.write(5, storage, in: .random()) }
      let batches = try await withThrowingTaskGroup(of: EventBatch?.self) { group in
        for _ in 0..<8 {
          group.addTask { try await storage.outbox.claim(limit: 4, at: seconds(60), leaseFor: 30) }
        }
        return try await group.reduce(into: [EventBatch]()) { if let batch = $1 { $0.append(batch) } }
      }
      let ids = batches.flatMap(\.events).map(\.id)
      #expect(!ids.isEmpty)
      #expect(Set(ids).count == ids.count)
      let tenants = batches.flatMap { Set($0.events.map(\.organizationID)) }
      #expect(Set(tenants).count == tenants.count, "two claims hold events of one tenant")
      for batch in batches {
        #expect(try await storage.outbox.acknowledge(batch, at: seconds(61)) == batch.events.count)
      }
      let rest = try await storage.drainEvents(at: seconds(62))
      #expect(rest.count == 30 - ids.count)
    }
  }

  @Test("old events are removed, delivered or not; a batch of them is no longer there", arguments: StorageUnderTest.all)
  func retention(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      try await Self.write(1, storage, from: 10)
      let delivered = try #require(try await storage.outbox.claim(limit: 9, at: seconds(60), leaseFor: 30))
      try await storage.outbox.acknowledge(delivered, at: seconds(60))
      try await Self.write(1, storage, from: 11)
      let claimed = try #require(try await storage.outbox.claim(limit: 9, at: seconds(60), leaseFor: 30))
      try await Self.write(1, storage, in: otherOrganization, from: 12)
      let kept = try await Self.write(2, storage, in: otherOrganization, from: 20)
      #expect(try await storage.outbox.deleteEvents(occurredBefore: seconds(10)) == 0)
      #expect(try await storage.outbox.deleteEvents(occurredBefore: seconds(20)) == 3)
      #expect(try await storage.outbox.acknowledge(claimed, at: seconds(61)) == 0)
      #expect(try await storage.drainEvents(at: seconds(61)).map(\.subjectID) == kept)
      #expect(try await storage.outbox.deleteEvents(occurredBefore: seconds(999)) == 2)
    }
  }
}
