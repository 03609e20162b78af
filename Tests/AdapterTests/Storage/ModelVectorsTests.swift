import Domain
import Foundation
import SQLiteStorage
import Testing

@Suite("SQLite: vectors in memory")
struct ModelVectorsTests {
  private static func revision(
    in tenant: OrganizationID = organization, publishedAt: Int64 = 0
  ) -> VectorRevision {
    VectorRevision(
      organizationID: tenant.uuid, documentID: UUID(), submittedBy: UUID(), publishedAt: publishedAt,
      supersededAt: .max, sourceURI: nil, tags: [])
  }

  private static func add(_ chunk: ChunkID, _ vector: [Float], of row: Int64, to vectors: inout ModelVectors) -> Bool {
    vector.withUnsafeBytes { vectors.add(chunk.uuid, of: row, bytes: $0) }
  }

  @Test("slots of what was removed are taken again")
  func reuse() {
    var vectors = ModelVectors(dimensions: 2)
    for row in 0..<10 {
      vectors.add(Int64(row), Self.revision())
      for _ in 0..<3 { #expect(Self.add(.random(), [1, 0], of: Int64(row), to: &vectors)) }
    }
    #expect(vectors.slotCount == 30)
    for row in 0..<5 { vectors.remove(Int64(row)) }
    let scope = SearchScope(organizationID: organization)
    #expect(vectors.nearest(to: [1, 0], in: scope, limit: 100).count == 15)
    let new = ChunkID.random()
    vectors.add(77, Self.revision())
    #expect(Self.add(new, [2, 0], of: 77, to: &vectors))
    #expect(vectors.slotCount == 30)
    #expect(vectors.nearest(to: [1, 0], in: scope, limit: 1) == [ScoredChunk(id: new, score: 2)])
    vectors.remove(12_345)
    #expect(vectors.nearest(to: [1, 0], in: scope, limit: 100).count == 16)
  }

  @Test("bytes that are no vector of the model are refused")
  func width() {
    var vectors = ModelVectors(dimensions: 2)
    vectors.add(1, Self.revision())
    #expect(!Self.add(.random(), [1], of: 1, to: &vectors))
    #expect(!Self.add(.random(), [1, 0], of: 2, to: &vectors))
    #expect(vectors.nearest(to: [1, 0, 0], in: SearchScope(organizationID: organization), limit: 1).isEmpty)
  }

  @Test(
    "a scan finds the best across tiles, skipping what is out of scope", arguments: [1, 1_023, 1_024, 1_025, 5_000])
  func tiles(_ count: Int) {
    var vectors = ModelVectors(dimensions: 2)
    var expected: [(ChunkID, Float)] = []
    for index in 0..<count {
      let isOurs = index % 3 != 1
      let value = Float((index * 7_919) % 10_007)
      let chunk = ChunkID.random()
      vectors.add(Int64(index), Self.revision(in: isOurs ? organization : otherOrganization))
      #expect(Self.add(chunk, [value, 1], of: Int64(index), to: &vectors))
      if isOurs { expected.append((chunk, value)) }
    }
    let best = expected.sorted { $0.1 > $1.1 }.prefix(50).map { ScoredChunk(id: $0.0, score: Double($0.1)) }
    #expect(vectors.nearest(to: [1, 0], in: SearchScope(organizationID: organization), limit: 50) == best)
  }
}
