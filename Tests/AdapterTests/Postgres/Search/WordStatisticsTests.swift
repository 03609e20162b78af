import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Testing

@Suite("PostgreSQL search: statistics", .needsPostgres)
struct WordStatisticsTests {
  /// What the tables of counts say and what the chunks give, where they differ.
  private static let differences = """
    (SELECT * FROM word_statistics EXCEPT ALL
      SELECT c.organization_id, substr(w.lexeme, 5), count(*) FROM document_chunks AS c, unnest(c.words) AS w GROUP BY 1, 2)
    UNION ALL
    (SELECT c.organization_id, substr(w.lexeme, 5), count(*) FROM document_chunks AS c, unnest(c.words) AS w GROUP BY 1, 2
      EXCEPT ALL SELECT * FROM word_statistics)
    UNION ALL
    (SELECT organization_id, word_count::text, chunk_count FROM chunk_statistics WHERE chunk_count > 0 EXCEPT ALL
      SELECT organization_id, sum(word_count)::text, count(*) FROM document_chunks GROUP BY 1)
    UNION ALL
    (SELECT organization_id, sum(word_count)::text, count(*) FROM document_chunks GROUP BY 1 EXCEPT ALL
      SELECT organization_id, word_count::text, chunk_count FROM chunk_statistics)
    """

  private static func texts(_ number: Int) -> [String] {
    (0..<3).map { "common shared\($0) of\(number % 4) own\(number) \(String(repeating: "again ", count: $0))" }
  }

  @Test("the counts are those of the chunks after publishing, revising and deleting")
  func changes() async throws {
    try await withSearchedDatabase { store, url in
      var documents: [DocumentID] = []
      for number in 0..<6 {
        let tenant = number % 3 == 2 ? Tenants.other : Tenants.one
        let draft = RevisionDraft.of(Self.texts(number), title: "title \(number)")
        try await store.publish(draft, in: tenant, source: "s\(number)")
        documents.append(draft.newDocumentID)
      }
      try await store.publish(.of(Self.texts(9)), source: "s0", at: 20)
      #expect(try await PostgresTestServer.execute(Self.differences, at: url).isEmpty)
      try await store.documents.delete(documents[0], in: Tenants.one, at: Date(timeIntervalSince1970: 30))
      #expect(try await PostgresTestServer.execute(Self.differences, at: url).isEmpty)
      for (index, document) in documents.enumerated().dropFirst() {
        let tenant = index % 3 == 2 ? Tenants.other : Tenants.one
        try await store.documents.delete(document, in: tenant, at: Date(timeIntervalSince1970: 40))
      }
      #expect(try await PostgresTestServer.execute(Self.differences, at: url).isEmpty)
      #expect(try await PostgresTestServer.execute("SELECT FROM word_statistics", at: url).isEmpty)
      let vectors = try await PostgresTestServer.execute("SELECT FROM chunk_embeddings", at: url)
      #expect(vectors.isEmpty)
    }
  }

  @Test("publications and deletions at the same time neither lose a count nor wait for each other for ever")
  func concurrency() async throws {
    try await withSearchedDatabase { store, url in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for worker in 0..<6 {
          group.addTask {
            for number in 0..<5 {
              let draft = RevisionDraft.of(Self.texts(5 * worker + number), vectors: [])
              try await store.publish(draft, source: "s\(worker) \(number)")
              guard number % 2 == 1 else { continue }
              try await store.documents.delete(
                draft.newDocumentID, in: Tenants.one, at: Date(timeIntervalSince1970: 50))
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await PostgresTestServer.execute(Self.differences, at: url).isEmpty)
      let chunks = try await PostgresTestServer.execute("SELECT count(*) FROM document_chunks", at: url)
      #expect(chunks.first?.first == "54")
    }
  }

  @Test("a publication that fails leaves the counts as they were")
  func rollback() async throws {
    try await withSearchedDatabase { store, url in
      try await store.publish(.of(["a"], vectors: [Embedding([1, 0])]))
      await #expect(throws: LeaseFailure.storage(.conflict("dimensions"))) {
        try await store.publish(.of(["b", "c"], vectors: [Embedding([1]), Embedding([1])]))
      }
      #expect(try await PostgresTestServer.execute(Self.differences, at: url).isEmpty)
      #expect(try await PostgresTestServer.execute("SELECT FROM document_chunks", at: url).count == 1)
    }
  }
}
