import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: search by vectors")
struct SemanticSearchTests {
  @Test("the largest cosines come first, ties by id", arguments: StorageUnderTest.all)
  func ranking(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let ids = [5, 4, 3, 2, 1].map { ChunkID.repeating($0) }
      try await storage.publish(
        .sample(
          "a\n\nb\n\nc\n\nd\n\ne", chunkIDs: ids, vectors: [[1, 0], [0.6, 0.8], [0, 1], [-1, 0], [0.6, 0.8]]))
      let scope = SearchScope(organizationID: organization)
      let hits = try await storage.passages.semantic(Embedding([1, 0]), model: "model", in: scope, limit: 10)
      #expect(hits.map(\.id) == [ids[0], ids[4], ids[1], ids[2], ids[3]])
      #expect(zip(hits.map(\.score), [1, 0.6, 0.6, 0, -1]).allSatisfy { abs($0 - $1) < 1e-6 })
      #expect(try await storage.nearest([1, 0], limit: 2) == [ids[0], ids[4]])
      #expect(try await storage.nearest([1, 0], limit: 0).isEmpty)
    }
  }

  @Test("the answer is exact over thousands of chunks, whatever their order", arguments: StorageUnderTest.all)
  func exactness(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      var random = SystemRandomNumberGenerator()
      func unit() -> [Float] {
        let values = (0..<16).map { _ in Float.random(in: -1...1, using: &random) }
        let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return values.map { $0 / length }
      }
      var all: [(id: ChunkID, vector: [Float])] = []
      // More than one tile of the scan, with gaps of another tenant in it.
      for part in 0..<6 {
        let vectors = (0..<500).map { _ in unit() }
        let draft = RevisionDraft.sample(
          (0..<500).map { "p\(part) \($0)" }.joined(separator: "\n\n"), vectors: vectors)
        let tenant = part % 3 == 1 ? otherOrganization : organization
        try await storage.publish(draft, as: .sample(in: tenant))
        if tenant == organization { all += zip(draft.chunks.map(\.id), vectors).map { ($0, $1) } }
      }
      for _ in 0..<5 {
        let query = unit()
        let expected = all.map { ($0.id, Embedding($0.vector).cosine(Embedding(query))) }
          .sorted { $0.1 > $1.1 }.prefix(25)
        let scope = SearchScope(organizationID: organization)
        let hits = try await storage.passages.semantic(Embedding(query), model: "model", in: scope, limit: 25)
        #expect(hits.count == 25)
        // Sums in another order differ in the last bits, so neighbours may change places: compare the scores.
        #expect(zip(hits, expected).allSatisfy { abs($0.score - Double($1.1)) < 1e-5 })
        let cosines = Dictionary(
          uniqueKeysWithValues: all.map { ($0.id, Embedding($0.vector).cosine(Embedding(query))) })
        #expect(hits.allSatisfy { hit in cosines[hit.id].map { abs(hit.score - Double($0)) < 1e-5 } ?? false })
      }
    }
  }

  @Test("each model's vectors are searched apart", arguments: StorageUnderTest.all)
  func models(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("a", vectors: [[1, 0]], model: "small")
      let second = RevisionDraft.sample("b", vectors: [[1, 0, 0]], model: "large")
      try await storage.publish(first)
      try await storage.publish(second)
      #expect(try await storage.nearest([1, 0], model: "small") == first.chunks.map(\.id))
      #expect(try await storage.nearest([1, 0, 0], model: "large") == second.chunks.map(\.id))
      #expect(try await storage.nearest([1, 0], model: "unknown").isEmpty)
      await #expect(throws: StorageFailure.conflict("dimensions")) {
        try await storage.nearest([1, 0], model: "large")
      }
    }
  }

  @Test(
    "chunks without a vector are named tenant by tenant, oldest first, until they have one",
    arguments: StorageUnderTest.all)
  func unembedded(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let old = RevisionDraft.sample("a\n\nb")
      let superseded = RevisionDraft.sample("c")
      let current = RevisionDraft.sample("d")
      let foreign = RevisionDraft.sample("e")
      let embedded = RevisionDraft.sample("f", vectors: [[0, 1]])
      try await storage.publish(superseded, as: .sample(sourceURI: "s"), at: seconds(5))
      try await storage.publish(old, at: seconds(10))
      try await storage.publish(foreign, as: .sample(in: otherOrganization), at: seconds(20))
      try await storage.publish(current, as: .sample(sourceURI: "s"), at: seconds(30))
      try await storage.publish(embedded, at: seconds(40))
      func missing(_ model: String = "model", limit: Int = 10) async throws -> UnembeddedPassages? {
        try await storage.passages.unembedded(by: model, limit: limit)
      }
      let own = old.chunks + current.chunks
      #expect(try await missing()?.organizationID == organization)
      #expect(try await missing()?.passages.map(\.chunk) == own)
      #expect(try await missing(limit: 2)?.passages.map(\.chunk) == Array(own.prefix(2)))
      #expect(try await missing(limit: 0) == nil)
      #expect(try await missing("new")?.passages.map(\.chunk) == own + embedded.chunks)

      func store(_ chunks: [DocumentChunk], _ vector: [Float] = [1, 0]) async throws {
        try await storage.passages.store(
          Dictionary(uniqueKeysWithValues: chunks.map { ($0.id, Embedding(vector)) }), model: "model",
          in: organization)
      }
      #expect(try await storage.nearest([1, 0]) == embedded.chunks.map(\.id))
      try await store([old.chunks[0], RevisionDraft.sample("gone").chunks[0]])
      #expect(try await storage.nearest([1, 0]) == [old.chunks[0].id] + embedded.chunks.map(\.id))
      #expect(try await missing()?.passages.map(\.chunk) == Array(own.dropFirst()))
      try await store([old.chunks[0]], [-1, 0])
      #expect(try await storage.nearest([1, 0]) == embedded.chunks.map(\.id) + [old.chunks[0].id])

      // The other tenant's chunk is older now than what is left of this one's.
      try await store([old.chunks[1]])
      let theirs = try #require(try await missing())
      #expect(theirs.organizationID == otherOrganization)
      #expect(theirs.passages.map(\.chunk) == foreign.chunks)
      try await store(current.chunks)
      #expect(try await missing()?.organizationID == otherOrganization)
      try await storage.passages.store(
        [foreign.chunks[0].id: Embedding([1, 0])], model: "model", in: otherOrganization)
      // Former revisions come last.
      #expect(try await missing()?.passages.map(\.chunk) == superseded.chunks)
      try await store(superseded.chunks)
      #expect(try await missing() == nil)
      try await storage.passages.store([:], model: "model", in: organization)
    }
  }

  @Test("another tenant's chunk takes no vector", arguments: StorageUnderTest.all)
  func isolationOfVectors(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let draft = RevisionDraft.sample("a")
      try await storage.publish(draft)
      try await storage.passages.store(
        [draft.chunks[0].id: Embedding([1, 0])], model: "model", in: otherOrganization)
      #expect(try await storage.nearest([1, 0]).isEmpty)
      #expect(try await storage.passages.unembedded(by: "model", limit: 1)?.passages.map(\.chunk) == draft.chunks)
    }
  }

  @Test("vectors of another width are refused and none of them is stored", arguments: StorageUnderTest.all)
  func width(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let draft = RevisionDraft.sample("a\n\nb\n\nc")
      let ids = draft.chunks.map(\.id)
      try await storage.publish(draft)
      await #expect(throws: StorageFailure.conflict("dimensions")) {
        try await storage.passages.store(
          [ids[0]: Embedding([1, 0]), ids[1]: Embedding([1])], model: "model", in: organization)
      }
      try await storage.passages.store([ids[0]: Embedding([1, 0])], model: "model", in: organization)
      await #expect(throws: StorageFailure.conflict("dimensions")) {
        try await storage.passages.store([ids[1]: Embedding([1, 0, 0])], model: "model", in: organization)
      }
      #expect(try await storage.nearest([1, 0]) == [ids[0]])
    }
  }
}
