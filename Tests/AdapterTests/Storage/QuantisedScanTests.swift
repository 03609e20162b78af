import CVectorMath
import Domain
import Foundation
import Testing

@testable import SQLiteStorage

/// Vectors and orders that are the same in every run.
private struct Numbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state ^ state >> 33) &* 0xFF51_AFD7_ED55_8CCD
  }

  mutating func vector(_ width: Int) -> [Float] { (0..<width).map { _ in Float.random(in: -1...1, using: &self) } }
}

/// What the index should hold, searched by the schoolbook.
private struct Shelf {
  struct Chunk {
    let id: ChunkID
    let vector: [Float]
  }

  struct Revision {
    let value: VectorRevision
    var chunks: [Chunk] = []
  }

  var revisions: [Int64: Revision] = [:]

  func nearest(to query: [Float], limit: Int, where admits: (VectorRevision) -> Bool) -> [ScoredChunk] {
    let scored = revisions.values.filter { admits($0.value) }.flatMap(\.chunks).map { chunk in
      ScoredChunk(id: chunk.id, score: Double(vm_dot_f32(query, chunk.vector, query.count)))
    }
    return Array(scored.sorted { $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id }.prefix(limit))
  }
}

@Suite("SQLite: the scan in 8 bits")
struct QuantisedScanTests {
  @Test("finds exactly what brute force finds, whatever comes and goes and whatever is filtered", arguments: 0..<8)
  func bruteForce(seed: UInt64) {
    var numbers = Numbers(state: seed)
    let width = [1, 3, 63, 64, 65, 100, 384, 700][Int(seed)]
    var vectors = ModelVectors(dimensions: width)
    var shelf = Shelf()
    let documents = (0..<6).map { _ in DocumentID.random() }
    var next: Int64 = 0
    for _ in 0..<60 {
      for _ in 0..<Int.random(in: 0...12, using: &numbers) {
        add(next, documents: documents, width: width, to: &vectors, and: &shelf, &numbers)
        next += 1
      }
      for row in shelf.revisions.keys.sorted() where Int.random(in: 0..<8, using: &numbers) == 0 {
        vectors.remove(row)
        shelf.revisions[row] = nil
      }
      let query = numbers.vector(width)
      let limit = Int.random(in: 1...40, using: &numbers)
      let filters = SearchFilters(
        documentIDs: Bool.random(using: &numbers) ? [] : Set(documents.prefix(2)),
        tags: Bool.random(using: &numbers) ? [] : ["red"])
      for tenant in [organization, otherOrganization] {
        let expected = shelf.nearest(to: query, limit: limit) { revision in
          revision.organizationID == tenant.uuid
            && (filters.documentIDs.isEmpty || filters.documentIDs.contains(DocumentID(revision.documentID)))
            && (filters.tags.isEmpty || !filters.tags.isDisjoint(with: revision.tags))
        }
        let scope = SearchScope(organizationID: tenant, filters: filters)
        #expect(vectors.nearest(to: query, in: scope, limit: limit) == expected)
      }
    }
  }

  /// Adds a revision with chunks of all sizes: equal ones, tiny ones, and some that are all zeros.
  private func add(
    _ row: Int64, documents: [DocumentID], width: Int, to vectors: inout ModelVectors, and shelf: inout Shelf,
    _ numbers: inout Numbers
  ) {
    let revision = VectorRevision(
      organizationID: (Bool.random(using: &numbers) ? organization : otherOrganization).uuid,
      documentID: documents[Int.random(in: 0..<documents.count, using: &numbers)].uuid, submittedBy: UUID(),
      publishedAt: 0, supersededAt: .max, sourceURI: nil, tags: Bool.random(using: &numbers) ? ["red"] : ["blue"])
    var entry = Shelf.Revision(value: revision)
    vectors.add(row, revision)
    let repeated = numbers.vector(width)
    for _ in 0..<Int.random(in: 0...20, using: &numbers) {
      let size = [0, 1e-36, 1e-3, 1, 1, 1, 50][Int.random(in: 0..<7, using: &numbers)] as Float
      let vector = Bool.random(using: &numbers) ? repeated : numbers.vector(width).map { $0 * size }
      let chunk = Shelf.Chunk(id: .random(), vector: vector)
      entry.chunks.append(chunk)
      #expect(vector.withUnsafeBytes { vectors.add(chunk.id.uuid, of: row, bytes: $0) })
    }
    shelf.revisions[row] = entry
  }

  @Test("vectors that are not finite hide no other")
  func notFinite() {
    var vectors = ModelVectors(dimensions: 2)
    vectors.add(
      1,
      VectorRevision(
        organizationID: organization.uuid, documentID: UUID(), submittedBy: UUID(), publishedAt: 0,
        supersededAt: .max, sourceURI: nil, tags: []))
    let endless = ChunkID.random(), finite = (0..<50).map { _ in ChunkID.random() }
    for (chunk, value) in [(endless, Float.infinity)] + finite.enumerated().map({ ($1, Float($0)) }) {
      #expect([value, 0].withUnsafeBytes { vectors.add(chunk.uuid, of: 1, bytes: $0) })
    }
    let found = vectors.nearest(to: [1, 1], in: SearchScope(organizationID: organization), limit: 3)
    #expect(found.map(\.id) == [endless, finite[49], finite[48]])
  }
}
