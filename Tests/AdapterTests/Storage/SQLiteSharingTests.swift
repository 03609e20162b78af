import Application
import Domain
import Foundation
import GRDB
import SQLiteStorage
import Testing

@Suite("SQLite: several processes over one file")
struct SQLiteSharingTests {
  @Test("two stores over one file see each other's writes, vectors included")
  func sharing() async throws {
    try await withTemporaryFolder { folder in
      let server = try SQLiteStorage(directory: folder)
      let command = try SQLiteStorage(directory: folder)
      let (one, two) = (OpenStorage(server), OpenStorage(command))
      let first = RevisionDraft.sample("zebra one", vectors: [[1, 0]])
      let second = RevisionDraft.sample("zebra two\n\nzebra three", vectors: [[0, 1], [0.6, 0.8]])
      let third = RevisionDraft.sample("zebra four")
      let other = RevisionDraft.sample("zebra five", vectors: [[0, 1]])
      #expect(try await one.nearest([1, 0]).isEmpty)
      try await two.publish(first, as: .sample(sourceURI: "s"), at: seconds(10))
      #expect(try await one.nearest([1, 0]) == first.chunks.map(\.id))
      try await two.publish(second, as: .sample(sourceURI: "s"), at: seconds(20))
      #expect(try await one.nearest([1, 0]) == second.chunks.map(\.id).reversed())
      #expect(try await one.nearest([1, 0], asOf: seconds(15)) == first.chunks.map(\.id))
      try await two.publish(third, at: seconds(30))
      try await two.passages.store([third.chunks[0].id: Embedding([1, 0])], model: "model", in: organization)
      #expect(try await one.nearest([1, 0]).first == third.chunks[0].id)
      #expect(try await one.nearest([1, 0]).count == 3)
      try await two.documents.delete(first.newDocumentID, in: organization, at: seconds(40))
      try await two.publish(other, at: seconds(40))
      #expect(try await one.nearest([1, 0]) == [third.chunks[0].id, other.chunks[0].id])
      #expect(Set(try await one.find("zebra")) == [third.chunks[0].id, other.chunks[0].id])
      #expect(try await two.nearest([1, 0]) == [third.chunks[0].id, other.chunks[0].id])
      try server.close()
      try command.close()
    }
  }

  @Test("a store that missed changes which are no longer logged loads everything anew")
  func missedChanges() async throws {
    try await withTemporaryFolder { folder in
      let server = try SQLiteStorage(directory: folder)
      let command = try SQLiteStorage(directory: folder)
      let (one, two) = (OpenStorage(server), OpenStorage(command))
      let drafts = (0..<4).map { RevisionDraft.sample("text \($0)", vectors: [[1, Float($0)]]) }
      try await two.publish(drafts[0])
      #expect(try await one.nearest([0, 1]).count == 1)
      for draft in drafts.dropFirst() { try await two.publish(draft) }
      try await two.documents.delete(drafts[0].newDocumentID, in: organization, at: seconds(40))
      try await DatabaseQueue(path: folder + "/opentier.db").write { db in
        try db.execute(sql: "DELETE FROM vector_changes WHERE seq < (SELECT max(seq) FROM vector_changes)")
      }
      #expect(try await one.nearest([0, 1]) == [3, 2, 1].map { drafts[$0].chunks[0].id })
      try server.close()
      try command.close()
    }
  }

  @Test("workers of two stores over one file never get the same job")
  func claimsAcrossStores() async throws {
    try await withTemporaryFolder { folder in
      let stores = try (0..<3).map { _ in try SQLiteStorage(directory: folder) }
      for _ in 0..<9 { try await OpenStorage(stores[0]).queue() }
      let claimed = try await withThrowingTaskGroup(of: [JobID].self) { group in
        for store in stores {
          group.addTask {
            var jobs: [JobID] = []
            while let job = try await store.jobQueue.claim(by: "w", at: seconds(9), leaseFor: 30) {
              jobs.append(job.job.id)
            }
            return jobs
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(claimed.count == 9)
      #expect(Set(claimed).count == 9)
      for store in stores { try store.close() }
    }
  }
}
