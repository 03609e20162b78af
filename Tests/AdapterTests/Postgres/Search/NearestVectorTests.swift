import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Testing

@Suite("PostgreSQL search: nearest vectors", .needsPostgres)
struct NearestVectorTests {
  /// Settings under which even these few vectors are looked for in the index.
  private static var walking: PostgresSearchSettings {
    var settings = PostgresSearchSettings()
    settings.exactScanMaximum = 20
    return settings
  }

  private static func nearest(_ draft: RevisionDraft, to vector: Embedding, _ count: Int) -> [ChunkID] {
    zip(draft.chunks, draft.embeddings).map { (id: $0.id, cosine: $1.cosine(vector)) }
      .sorted { $0.cosine > $1.cosine }.prefix(count).map(\.id)
  }

  private static func draft(_ count: Int, using random: inout SplitMix64) -> RevisionDraft {
    .of((0..<count).map { "c\($0)" }, vectors: (0..<count).map { _ in .random(384, using: &random) })
  }

  @Test("a small tenant beside a large one finds all that is near, with and without the index")
  func smallTenant() async throws {
    for settings in [Self.walking, PostgresSearchSettings()] {
      try await withSearchedDatabase(settings) { store, _ in
        var random = SplitMix64(seed: 11)
        let large = Self.draft(600, using: &random)
        let small = Self.draft(12, using: &random)
        try await store.publish(large)
        try await store.publish(small, in: Tenants.other)
        for _ in 0..<3 {
          let vector = Embedding.random(384, using: &random)
          let found = try await store.semantic(vector, in: Tenants.other, limit: 12)
          #expect(found.map(\.id) == Self.nearest(small, to: vector, 12))
          let near = try await store.semantic(vector, limit: 10).map(\.id)
          #expect(Set(near).intersection(Self.nearest(large, to: vector, 10)).count >= 9)
        }
      }
    }
  }

  @Test("a filtered search gives as many as are wanted, the nearest of those that pass")
  func filters() async throws {
    try await withSearchedDatabase(Self.walking) { store, _ in
      var random = SplitMix64(seed: 12)
      // A tenth passes: more than are compared one by one, and rarer than the walk would find by itself.
      let others = Self.draft(450, using: &random)
      let tagged = Self.draft(50, using: &random)
      try await store.publish(others, tags: ["other"])
      try await store.publish(tagged, tags: ["wanted"])
      for _ in 0..<3 {
        let vector = Embedding.random(384, using: &random)
        let found = try await store.semantic(vector, filters: SearchFilters(tags: ["wanted"]), limit: 30).map(\.id)
        #expect(found.count == 30)
        #expect(Set(found).intersection(Self.nearest(tagged, to: vector, 30)).count >= 27)
        #expect(try await store.semantic(vector, filters: SearchFilters(tags: ["none"]), limit: 50).isEmpty)
      }
    }
  }

  @Test("scores are cosines of the vectors as they are, not in half precision")
  func scores() async throws {
    try await withSearchedDatabase(Self.walking) { store, _ in
      var random = SplitMix64(seed: 13)
      let draft = Self.draft(100, using: &random)
      try await store.publish(draft)
      let vector = Embedding.random(384, using: &random)
      let cosines = Dictionary(
        uniqueKeysWithValues: zip(draft.chunks.map(\.id), draft.embeddings.map { Double($0.cosine(vector)) }))
      let found = try await store.semantic(vector, limit: 10)
      for hit in found { #expect(abs(hit.score - (cosines[hit.id] ?? 2)) < 1e-6) }
      #expect(found.map(\.score) == found.map(\.score).sorted(by: >))
    }
  }

  @Test("while one model replaces another of the same width, each finds its own vectors")
  func models() async throws {
    try await withSearchedDatabase(Self.walking) { store, _ in
      var random = SplitMix64(seed: 14)
      let draft = Self.draft(200, using: &random)
      try await store.publish(draft)
      let replaced = Dictionary(
        uniqueKeysWithValues: draft.chunks.prefix(25).map { ($0.id, Embedding.random(384, using: &random)) })
      try await store.passages.store(replaced, model: "new", in: Tenants.one)
      let scope = SearchScope(organizationID: Tenants.one)
      let vector = Embedding.random(384, using: &random)
      let new = try await store.passages.semantic(vector, model: "new", in: scope, limit: 50)
      #expect(Set(new.map(\.id)) == Set(replaced.keys))
      #expect(try await store.semantic(vector, limit: 5).map(\.id) == Self.nearest(draft, to: vector, 5))
      let missing = try await store.passages.unembedded(by: "new", limit: 1_000)
      #expect(missing?.passages.map(\.chunk.id) == draft.chunks.dropFirst(25).map(\.id))
    }
  }
}
