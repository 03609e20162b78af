import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Synchronization
import Testing

@Suite("PostgreSQL: workers are woken", .needsPostgres)
struct JobNotificationTests {
  /// Counts what a listener hears.
  private final class Ear: Sendable {
    private let state = Mutex((isListening: false, notifications: 0))

    var isListening: Bool { state.withLock { $0.isListening } }
    var notifications: Int { state.withLock { $0.notifications } }

    func hear(_ event: PostgresListener.Event) {
      state.withLock { state in
        switch event {
        case .connected: state.isListening = true
        case .notification(PostgresJobQueue.channel, _): state.notifications += 1
        default: break
        }
      }
    }

    /// Waits for what does not take long.
    func wait(for condition: (Ear) -> Bool) async throws -> Bool {
      for _ in 0..<500 where !condition(self) { try await Task.sleep(for: .milliseconds(10)) }
      return condition(self)
    }
  }

  @Test("each change that makes jobs due is told once when it is committed, and nothing else is")
  func notifications() async throws {
    try await withReplicas { storages, url in
      let ear = Ear()
      let listener = PostgresListener(
        configuration: try PostgresConfiguration(url: url), channels: [PostgresJobQueue.channel])
      let listening = Task { await listener.run { ear.hear($0) } }
      defer { listening.cancel() }
      #expect(try await ear.wait(for: \.isListening))

      let (storage, tenant) = (storages[0], TestTenant())
      var expected = 0
      func expectOneMore(_ what: Comment, _ change: () async throws -> Void) async throws {
        try await change()
        expected += 1
        #expect(try await ear.wait { $0.notifications >= expected }, what)
        try await Task.sleep(for: .milliseconds(50))
        #expect(ear.notifications == expected, what)
      }
      func claimed(at time: Int64) async throws -> ClaimedJob {
        try #require(try await storage.jobQueue.claim(by: "w", at: .instant(time), leaseFor: 10))
      }

      try await expectOneMore("approved") { try await tenant.queueJob(in: storage) }
      try await expectOneMore("a hundred at once") { try await tenant.queueJobs(100, at: url) }
      let first = try await claimed(at: 0)
      try await expectOneMore("released") { try await storage.jobQueue.release(first.lease, at: .instant(1)) }
      let second = try await claimed(at: 1)
      // A job that is due later wakes nobody now.
      try await storage.jobQueue.fail("x", retryAt: .instant(500), under: second.lease, at: .instant(2))
      let third = try await claimed(at: 2)
      try await storage.jobQueue.fail("x", retryAt: nil, under: third.lease, at: .instant(3))
      try await expectOneMore("retried") {
        _ = try await storage.jobs.retry(third.job.id, in: tenant.id, at: .instant(4))
      }
    }
  }
}
