import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Testing

@Suite("PostgreSQL search: odd words", .needsPostgres)
struct OddWordTests {
  @Test("words that the index cannot hold are left out, and what is beside them is found")
  func longWords() async throws {
    try await withSearchedDatabase { store, _ in
      let longest = String(repeating: "z", count: 2_042)
      let texts = [
        "zebra \(longest)", "okapi z\(longest)", "tapir " + String(repeating: "ö", count: 5_000),
        (0..<12_000).map { "n\($0)" }.joined(separator: " ") + " lion",
        String(repeating: "gnu ", count: 20_000),
        (0..<1_200).map { String(repeating: "y", count: 1_000) + "\($0)" }.joined(separator: " "),
      ]
      let draft = RevisionDraft.of(texts, headings: ["heading"])
      try await store.publish(draft)
      let ids = draft.chunks.map(\.id)
      for (query, expected) in [
        ("zebra", [ids[0]]), (longest, [ids[0]]), ("okapi", [ids[1]]), ("z" + longest, []), ("tapir", [ids[2]]),
        (String(repeating: "o", count: 5_000), []), ("n7", [ids[3]]), ("gnu", [ids[4]]),
      ] {
        #expect(try await store.lexical(query).map(\.id) == expected, "\(query.prefix(10))")
      }
      #expect(try await store.lexical("heading").count == texts.count)
    }
  }

  @Test("no character of a text or a query is read as syntax")
  func syntax() async throws {
    try await withSearchedDatabase { store, _ in
      let odd = [
        "it's a \"zebra\"", "back\\slash 'zebra'", "zebra:1A *zebra* <-> !zebra", "zebra\u{FFFF}okapi",
        "\u{E000}zebra \u{E000}", "{1:2}/3 [zebra]", "ʼzebra ˈzebra", "$1 $$ zebra \u{85} \u{2028}", "\u{1F600}zebra",
        "a\u{301}\u{301}\u{301} zebra",
      ]
      let draft = RevisionDraft.of(odd, title: "t'i\"t\\le", headings: ["h'\"\\", "{\"a\": [1]}", "\u{1}"])
      try await store.publish(draft)
      for text in odd { #expect(try await !store.lexical(text).isEmpty, "\(text)") }
      #expect(try await store.lexical("okapi").map(\.id) == [draft.chunks[3].id])
      #expect(try await store.lexical("\u{E000}").map(\.id) == [draft.chunks[4].id])
      let passages = try await store.passages.passages(draft.chunks.map(\.id), in: Tenants.one)
      #expect(passages.map(\.chunk) == draft.chunks)
    }
  }

  @Test("a draft of 20,000 chunks is published in one transaction, and every one of them is found")
  func manyChunks() async throws {
    try await withSearchedDatabase { store, _ in
      let draft = RevisionDraft.of(
        (0..<20_000).map { "chunk n\($0) of m\($0 / 100)" }, title: "Title",
        vectors: (0..<20_000).map { Embedding([Float($0) / 20_000, 1]) })
      try await store.publish(draft)
      for index in [0, 499, 500, 12_345, 19_999] {
        #expect(try await store.lexical("n\(index)").map(\.id) == [draft.chunks[index].id])
      }
      #expect(try await store.lexical("m77", limit: 1_000).count == 100)
      #expect(try await store.semantic(Embedding([1, 0]), limit: 1).map(\.id) == [draft.chunks[19_999].id])
    }
  }
}
