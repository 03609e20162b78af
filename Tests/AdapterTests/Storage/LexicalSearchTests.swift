import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: search by words")
struct LexicalSearchTests {
  @Test("words match by their stems, whatever their case and accents", arguments: StorageUnderTest.all)
  func stems(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let draft = RevisionDraft.sample("The Flows were MEASURED in the café of Škoda", title: "Wind tunnels")
      try await storage.publish(draft)
      for query in ["flow", "flowing", "measures", "cafe", "CAFÉ", "skoda", "cafe\u{301}", "tunnel", "winds"] {
        #expect(try await storage.find(query) == draft.chunks.map(\.id), "\(query)")
      }
      for query in ["airfoil", "flo", "tun"] { #expect(try await storage.find(query).isEmpty, "\(query)") }
    }
  }

  @Test("a chunk is found by its title and its headings too", arguments: StorageUnderTest.all)
  func titleAndHeadings(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let draft = RevisionDraft.sample("body", title: "Zebra", headings: ["Chapter \"Okapi\"", "Section\ttapir\\"])
      try await storage.publish(draft)
      for query in ["zebra", "okapi", "tapir", "body"] {
        #expect(try await storage.find(query) == draft.chunks.map(\.id), "\(query)")
      }
    }
  }

  @Test("rare words count more, and more of them count more", arguments: StorageUnderTest.all)
  func ranking(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let texts = [
        "common common words here", "common zebra words here", "zebra okapi words here", "nothing of that there at all",
        "other text entirely", "and yet more text", "still more of it",
      ]
      let draft = RevisionDraft.sample(texts.joined(separator: "\n\n"), title: "")
      try await storage.publish(draft)
      let ids = draft.chunks.map(\.id)
      #expect(try await storage.find("zebra okapi common") == [ids[2], ids[1], ids[0]])
      #expect(try await storage.find("zebra okapi common", limit: 2) == [ids[2], ids[1]])
      #expect(try await storage.find("zebra", limit: 0).isEmpty)
    }
  }

  @Test("scores come best first and above zero", arguments: StorageUnderTest.all)
  func scores(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      try await storage.publish(.sample("zebra zebra\n\nzebra and words\n\nother\n\nthing\n\nmore", title: ""))
      let hits = try await storage.passages.lexical(
        "zebra", in: SearchScope(organizationID: organization), limit: 10)
      #expect(hits.count == 2)
      #expect(hits.map(\.score) == hits.map(\.score).sorted(by: >))
      #expect(hits.allSatisfy { $0.score > 0 })
    }
  }

  @Test("equal chunks come by id", arguments: StorageUnderTest.all)
  func ties(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let ids = [3, 1, 2].map { ChunkID.repeating($0) }
      try await storage.publish(.sample("zebra\n\nzebra\n\nzebra", chunkIDs: ids))
      #expect(try await storage.find("zebra") == ids.sorted())
    }
  }

  /// Queries that could be taken for syntax by one index or another.
  private static let oddQueries = [
    "", " ", "\"", "\"\"\"", "'", "zebra\"", "\"zebra", "zebra'); DROP TABLE users; --", "zebra AND", "AND OR NOT",
    "NEAR(zebra okapi)", "title:zebra", "title : zebra", "{title text}: zebra", "zebra*", "^zebra", "zebra + okapi",
    "-zebra", "(zebra", ")", "zebra\u{0}okapi", "\u{0}", "\u{1F600}", "zebra \u{1F468}\u{200D}\u{1F469}", "\u{301}",
    "ｚｅｂｒａ", "%", "_", "\\", "\u{FFFF}", "$1 ? :a @b", "chunk_search", "rank",
  ]

  @Test("any text is a query, never syntax", arguments: StorageUnderTest.all)
  func anyText(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let draft = RevisionDraft.sample("A zebra.")
      try await storage.publish(draft)
      for query in Self.oddQueries {
        let expected = query.contains("zebra") ? draft.chunks.map(\.id) : []
        #expect(try await storage.find(query) == expected, "\(query)")
      }
    }
  }

  @Test("a query's first 256 different words count, the next does not", arguments: StorageUnderTest.all)
  func longQuery(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let draft = RevisionDraft.sample("A zebra.")
      try await storage.publish(draft)
      let fillers = (0..<255).map { "filler\($0)" }.joined(separator: " ")
      #expect(try await storage.find(fillers + " filler1 zebra") == draft.chunks.map(\.id))
      #expect(try await storage.find(fillers + " one zebra").isEmpty)
      #expect(try await storage.find(String(repeating: "zebra ", count: 50_000)) == draft.chunks.map(\.id))
      #expect(try await storage.find(String(repeating: "z", count: 100_000)).isEmpty)
    }
  }

  @Test("function words are left out of a query unless there is nothing else", arguments: StorageUnderTest.all)
  func functionWords(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let ids = [ChunkID.repeating(1), .repeating(2)]
      try await storage.publish(.sample("the zebra\n\nto be or not to be", title: "", chunkIDs: ids))
      #expect(try await storage.find("what is the zebra to me or not") == [ids[0]])
      #expect(try await storage.find("To be or NOT to be") == [ids[1]])
    }
  }

  @Test("words of other scripts are found", arguments: StorageUnderTest.all)
  func scripts(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      for word in ["мост", "جسر", "γέφυρα", "मोड", "한국어", "橋", "2026"] {
        let draft = RevisionDraft.sample("a bridge: \(word), indeed")
        try await storage.publish(draft)
        #expect(try await storage.find(word) == draft.chunks.map(\.id), "\(word)")
      }
    }
  }
}
