import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Testing

@Suite("PostgreSQL: publishing at the same moment", .needsPostgres)
struct PublishingConcurrencyTests {
  /// Queues the submissions and publishes all at once, over two replicas.
  private func publishTogether(
    _ work: [(KnowledgeSubmission, String)], of tenant: TestTenant, _ storages: [PostgresStorage]
  ) async throws -> [Publication] {
    var texts: [SubmissionID: String] = [:]
    for (submission, text) in work {
      try await tenant.queueJob(submission, in: storages[0])
      texts[submission.id] = text
    }
    var claimed: [(ClaimedJob, String)] = []
    while let job = try await storages[0].jobQueue.claim(by: "w", at: .instant(1), leaseFor: 60) {
      claimed.append((job, try #require(texts[job.submission.id])))
    }
    return try await withThrowingTaskGroup(of: Publication.self) { group in
      for (index, (job, text)) in claimed.enumerated() {
        let queue = storages[index % storages.count].jobQueue
        group.addTask { try await queue.publish(.of(text), under: job.lease, at: .instant(2)) }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
  }

  @Test("the same bytes make one document, wherever they come from")
  func sameBytes() async throws {
    try await withReplicas(2) { storages, _ in
      let tenant = TestTenant()
      for round in 0..<8 {
        let publications = try await publishTogether(
          (0..<6).map { (tenant.submission(sourceURI: $0 % 2 == 0 ? nil : "file:\(round)-\($0)"), "text \(round)") },
          of: tenant, storages)
        #expect(publications.count { if case .created = $0 { true } else { false } } == 1)
        #expect(publications.count { if case .alreadyThere = $0 { true } else { false } } == 5)
      }
      #expect(try await storages[0].documents.documents(in: tenant.id, page: PageRequest()).items.count == 8)
    }
  }

  @Test("revisions of one source are numbered one after the other")
  func sameSource() async throws {
    try await withReplicas(2) { storages, _ in
      let tenant = TestTenant()
      for round in 0..<5 {
        let publications = try await publishTogether(
          (0..<6).map { (tenant.submission(sourceURI: "file:\(round)"), "text \(round) \($0)") }, of: tenant, storages)
        #expect(publications.count { if case .created = $0 { true } else { false } } == 1)
        #expect(publications.count { if case .revised = $0 { true } else { false } } == 5)
      }
      let documents = try await storages[0].documents.documents(in: tenant.id, page: PageRequest()).items
      #expect(documents.count == 5)
      for document in documents {
        #expect(document.revisionNumber == 6)
        let revisions = try await storages[0].documents.revisions(of: document.id, in: tenant.id)
        #expect(revisions.map(\.number) == [6, 5, 4, 3, 2, 1])
        #expect(revisions.count { $0.supersededAt == nil } == 1)
      }
    }
  }

  @Test("revisions, deletions and sources taken over in any mixture end without a failure")
  func mixture() async throws {
    try await withReplicas(2) { storages, url in
      let tenant = TestTenant()
      var documents: [DocumentID] = []
      for index in 0..<3 {
        guard case .created(let id, _) = try await tenant.publish("first \(index)", in: storages[0]) else { continue }
        documents.append(id)
      }
      for round in 0..<6 {
        let doomed = documents[round % 3]
        async let deletion: Void = {
          try await Task.sleep(for: .milliseconds(Int.random(in: 0..<30)))
          try await storages[1].documents.delete(doomed, in: tenant.id, at: .instant(3))
        }()
        let work = (0..<9).map { index in
          (
            tenant.submission(
              documentID: index % 3 == round % 3 ? nil : documents[index % 3],
              sourceURI: index % 2 == 0 ? "file:\(index % 4)" : nil), "round \(round) \(index % 5)"
          )
        }
        #expect(try await publishTogether(work, of: tenant, storages).count == 9)
        try await deletion
        let replacement = try await tenant.publish("new \(round)", in: storages[0])
        if case .created(let id, _) = replacement { documents[round % 3] = id }
      }
      let broken = try await PostgresTestServer.execute(
        """
        SELECT d.id FROM documents AS d WHERE 1 <> (
          SELECT count(*) FROM document_revisions AS r WHERE r.document_id = d.id AND r.superseded_at IS NULL)
        """, at: url)
      #expect(broken.isEmpty)
    }
  }
}
