import Application
import Domain
import Foundation
import InMemoryStorage
import PostgresStorage
import PostgresTesting
import Testing

@Suite("PostgreSQL search: ranking by words", .needsPostgres)
struct LexicalRankingTests {
  /// Texts of words of which few are common and many rare, as in a language.
  private static func texts(_ count: Int, using random: inout SplitMix64) -> [String] {
    (0..<count).map { _ in
      (0..<Int.random(in: 3...60, using: &random)).map { _ in word(using: &random) }.joined(separator: " ")
    }
  }

  private static func word(using random: inout SplitMix64) -> String {
    "w\(Int(exp(Double.random(in: 0...6.5, using: &random))))"
  }

  /// The scores are those of the formula, the order is theirs, and no other chunk has a better one.
  private static func expectEqual(
    _ found: [ScoredChunk], _ expected: [ScoredChunk], limit: Int, _ query: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let scores = Dictionary(expected.map { ($0.id, $0.score) }, uniquingKeysWith: { first, _ in first })
    #expect(found.count == min(limit, expected.count), "\(query)", sourceLocation: sourceLocation)
    for (index, hit) in found.enumerated() {
      let score = scores[hit.id] ?? 0
      #expect(abs(hit.score - score) <= 1e-9 * score, "\(query)", sourceLocation: sourceLocation)
      #expect(abs(hit.score - expected[index].score) <= 1e-9 * score, "\(query)", sourceLocation: sourceLocation)
    }
    for (left, right) in zip(found, found.dropFirst()) where left.score == right.score {
      #expect(left.id < right.id, "\(query)", sourceLocation: sourceLocation)
    }
  }

  @Test("scores are those of BM25 in memory, whether all that match are ranked or only those that can be best")
  func formula() async throws {
    // Either all that match are ranked, or only candidates.
    for exactPostings in [100_000, 1_200] {
      var settings = PostgresSearchSettings()
      settings.exactPostings = exactPostings
      try await withSearchedDatabase(settings) { store, _ in
        var random = SplitMix64(seed: 7)
        let memory = SearchedStore(InMemoryStorage())
        for part in 0..<6 {
          let draft = RevisionDraft.of(
            Self.texts(300, using: &random), title: "title w\(part)", headings: ["heading w2"])
          try await store.publish(draft)
          try await memory.publish(draft)
        }
        for count in [1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 12] {
          let query = (0..<count).map { _ in Self.word(using: &random) }.joined(separator: " ")
          let expected = try await memory.lexical(query, limit: 10_000)
          for limit in [5, 40] {
            Self.expectEqual(try await store.lexical(query, limit: limit), expected, limit: limit, query)
          }
        }
      }
    }
  }

  @Test("chunks much longer or shorter than those that the stored weights are made for are ranked as exactly")
  func lengths() async throws {
    var settings = PostgresSearchSettings()
    settings.exactPostings = 60
    for length in [4, 300] {
      try await withSearchedDatabase(settings) { store, _ in
        var random = SplitMix64(seed: UInt64(length))
        let memory = SearchedStore(InMemoryStorage())
        let texts = (0..<100).map { _ in
          (0..<Int.random(in: (length / 2)...(length * 2), using: &random)).map { _ in Self.word(using: &random) }
            .joined(separator: " ")
        }
        let draft = RevisionDraft.of(texts)
        try await store.publish(draft)
        try await memory.publish(draft)
        for count in [1, 2, 3, 4, 5, 6] {
          let query = (0..<count).map { _ in "w\(Int.random(in: 3...400, using: &random))" }.joined(separator: " ")
          let expected = try await memory.lexical(query, limit: 10_000)
          Self.expectEqual(try await store.lexical(query, limit: 10), expected, limit: 10, query)
        }
      }
    }
  }

  @Test("filters that leave little, and such that leave much, rank the same chunks as memory does")
  func filters() async throws {
    var settings = PostgresSearchSettings()
    settings.exactPostings = 100
    settings.exactScanMaximum = 150
    try await withSearchedDatabase(settings) { store, _ in
      var random = SplitMix64(seed: 3)
      // The statistics are the tenant's, whatever the filters leave: only which chunks are found is compared.
      let memory = SearchedStore(InMemoryStorage())
      for part in 0..<20 {
        let draft = RevisionDraft.of(Self.texts(50, using: &random))
        let tags = part < 2 ? ["few"] : part < 12 ? ["many"] : []
        try await store.publish(draft, tags: tags)
        try await memory.publish(draft, tags: tags)
      }
      for tag in ["few", "many", "none"] {
        for query in ["w300 w200", "w2", "w5 w50 w500", "w1 w2 w3 w4"] {
          let filters = SearchFilters(tags: [tag])
          let expected = try await memory.lexical(query, filters: filters, limit: 1_000).map(\.id)
          let found = try await store.lexical(query, filters: filters, limit: 1_000).map(\.id)
          #expect(Set(found) == Set(expected), "\(tag): \(query)")
          #expect(try await store.lexical(query, filters: filters, limit: 7).map(\.id) == Array(found.prefix(7)))
        }
      }
    }
  }

  @Test("many chunks of equal score come by id, the first of all")
  func ties() async throws {
    var settings = PostgresSearchSettings()
    settings.exactPostings = 10
    try await withSearchedDatabase(settings) { store, _ in
      let draft = RevisionDraft.of(Array(repeating: "zebra", count: 1_500) + Array(repeating: "okapi", count: 2_000))
      try await store.publish(draft)
      let ids = draft.chunks.prefix(1_500).map(\.id).sorted()
      #expect(try await store.lexical("zebra", limit: 25).map(\.id) == Array(ids.prefix(25)))
      #expect(try await store.lexical("zebra okapi", limit: 25).map(\.id) == Array(ids.prefix(25)))
    }
  }
}
