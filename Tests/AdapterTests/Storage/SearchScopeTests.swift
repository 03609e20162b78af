import Application
import Domain
import Foundation
import Testing

/// The two ways of searching, which take the same scope.
enum SearchWay: CaseIterable, Sendable {
  case words
  case vectors
}

@Suite("Storage contract: the scope of a search")
struct SearchScopeTests {
  private static func search(
    _ way: SearchWay, _ storage: OpenStorage, in tenant: OrganizationID = organization, asOf: Date? = nil,
    filters: SearchFilters = SearchFilters()
  ) async throws -> Set<ChunkID> {
    switch way {
    case .words: Set(try await storage.find("zebra", in: tenant, asOf: asOf, filters: filters))
    case .vectors: Set(try await storage.nearest([1, 0], in: tenant, asOf: asOf, filters: filters))
    }
  }

  @Test("only the tenant's own chunks are found", arguments: StorageUnderTest.all, SearchWay.allCases)
  func tenants(_ kind: StorageUnderTest, way: SearchWay) async throws {
    try await kind.withStorage { storage in
      let mine = RevisionDraft.sample("zebra mine", vectors: [[1, 0]])
      let theirs = RevisionDraft.sample("zebra theirs", vectors: [[1, 0]])
      try await storage.publish(mine)
      try await storage.publish(theirs, as: .sample(in: otherOrganization))
      #expect(try await Self.search(way, storage) == Set(mine.chunks.map(\.id)))
      #expect(try await Self.search(way, storage, in: otherOrganization) == Set(theirs.chunks.map(\.id)))
      #expect(try await Self.search(way, storage, in: .random()).isEmpty)
      let ids = [theirs.chunks[0].id, .random(), mine.chunks[0].id]
      #expect(try await storage.passages.passages(ids, in: organization).map(\.chunk) == mine.chunks)
    }
  }

  @Test("a chunk comes back on the pages that it was published with, or on none", arguments: StorageUnderTest.all)
  func pages(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let draft = RevisionDraft.sample(
        "zebra one\n\nzebra two\n\nzebra three",
        pages: [PageSpan(first: 1, last: 1), nil, PageSpan(first: 41, last: 43)])
      try await storage.publish(draft)
      let found = try await storage.passages.passages(draft.chunks.map(\.id), in: organization).map(\.chunk)
      #expect(found == draft.chunks)
      let waiting = try await storage.passages.unembedded(by: "model", limit: 10)
      #expect(waiting?.passages.map(\.chunk) == draft.chunks)
    }
  }

  @Test("a search as of a time finds the revision of that time", arguments: StorageUnderTest.all, SearchWay.allCases)
  func asOf(_ kind: StorageUnderTest, way: SearchWay) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("zebra one", vectors: [[1, 0]])
      let second = RevisionDraft.sample("zebra two", vectors: [[1, 0]])
      try await storage.publish(first, as: .sample(sourceURI: "s"), at: seconds(10))
      #expect(try await Self.search(way, storage) == Set(first.chunks.map(\.id)))
      try await storage.publish(second, as: .sample(sourceURI: "s"), at: seconds(20))
      let (old, new) = (Set(first.chunks.map(\.id)), Set(second.chunks.map(\.id)))
      #expect(try await Self.search(way, storage) == new)
      #expect(try await Self.search(way, storage, asOf: Date(microseconds: seconds(10).microseconds - 1)).isEmpty)
      #expect(try await Self.search(way, storage, asOf: seconds(10)) == old)
      #expect(try await Self.search(way, storage, asOf: Date(microseconds: seconds(20).microseconds - 1)) == old)
      #expect(try await Self.search(way, storage, asOf: seconds(20)) == new)
      #expect(try await Self.search(way, storage, asOf: seconds(99)) == new)
      // What an old answer cited can still be read.
      #expect(
        try await storage.passages.passages(first.chunks.map(\.id), in: organization).map(\.chunk) == first.chunks)
    }
  }

  @Test("each filter narrows, and all must hold", arguments: StorageUnderTest.all, SearchWay.allCases)
  func filters(_ kind: StorageUnderTest, way: SearchWay) async throws {
    try await kind.withStorage { storage in
      let (ann, bob) = (UserID.random(), UserID.random())
      let submissions: [KnowledgeSubmission] = [
        .sample(by: ann, metadata: ["tags": .list([.string("x"), .string("ü\"")])], sourceURI: "https://a/1"),
        .sample(by: ann, metadata: ["tags": .string("y")], sourceURI: "https://a/2_%"),
        .sample(by: bob, metadata: ["tags": .list([.number(1), .string("x")])], sourceURI: "HTTPS://a/3"),
        .sample(by: bob),
      ]
      var chunks: [ChunkID] = []
      var documents: [DocumentID] = []
      for (index, submission) in submissions.enumerated() {
        let draft = RevisionDraft.sample("zebra \(index)", vectors: [[1, 0]])
        try await storage.publish(draft, as: submission, at: seconds(10 * Int64(index)))
        chunks += draft.chunks.map(\.id)
        documents.append(draft.newDocumentID)
      }
      let cases: [(SearchFilters, [Int])] = [
        (SearchFilters(), [0, 1, 2, 3]),
        (SearchFilters(documentIDs: [documents[1], documents[3], .random()]), [1, 3]),
        (SearchFilters(documentIDs: [.random()]), []),
        (SearchFilters(tags: ["x"]), [0, 2]),
        (SearchFilters(tags: ["y", "ü\""]), [0, 1]),
        (SearchFilters(tags: ["1"]), []),
        (SearchFilters(tags: ["X"]), []),
        (SearchFilters(contributorID: ann), [0, 1]),
        (SearchFilters(contributorID: .random()), []),
        (SearchFilters(sourcePrefix: "https://a/"), [0, 1]),
        (SearchFilters(sourcePrefix: "https://a/2_%"), [1]),
        (SearchFilters(sourcePrefix: "https://a/%"), []),
        (SearchFilters(sourcePrefix: ""), [0, 1, 2]),
        (SearchFilters(publishedAfter: seconds(10)), [1, 2, 3]),
        (SearchFilters(publishedBefore: seconds(10)), [0]),
        (SearchFilters(publishedAfter: seconds(10), publishedBefore: seconds(30)), [1, 2]),
        (SearchFilters(tags: ["x"], contributorID: bob, sourcePrefix: "HTTPS"), [2]),
        (SearchFilters(tags: ["x"], contributorID: bob, sourcePrefix: "https"), []),
      ]
      for (filters, expected) in cases {
        let found = try await Self.search(way, storage, filters: filters)
        #expect(found == Set(expected.map { chunks[$0] }), "\(filters)")
      }
    }
  }

  @Test("a revision is filtered by its own metadata and time", arguments: StorageUnderTest.all, SearchWay.allCases)
  func revisionMetadata(_ kind: StorageUnderTest, way: SearchWay) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("zebra one", vectors: [[1, 0]])
      let second = RevisionDraft.sample("zebra two", vectors: [[1, 0]])
      try await storage.publish(
        first, as: .sample(metadata: ["tags": .string("old")], sourceURI: "s"), at: seconds(10))
      try await storage.publish(
        second, as: .sample(metadata: ["tags": .string("new")], sourceURI: "s"), at: seconds(20))
      let (old, new) = (SearchFilters(tags: ["old"]), SearchFilters(tags: ["new"]))
      #expect(try await Self.search(way, storage, filters: old).isEmpty)
      #expect(try await Self.search(way, storage, filters: new) == Set(second.chunks.map(\.id)))
      #expect(try await Self.search(way, storage, asOf: seconds(15), filters: old) == Set(first.chunks.map(\.id)))
      #expect(try await Self.search(way, storage, asOf: seconds(15), filters: new).isEmpty)
    }
  }

  @Test("a source that a document takes later is filtered by from then on", arguments: StorageUnderTest.all)
  func adoptedSource(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("zebra one", vectors: [[1, 0]])
      let second = RevisionDraft.sample("zebra two", vectors: [[1, 0]])
      let filters = SearchFilters(sourcePrefix: "s")
      try await storage.publish(first, at: seconds(10))
      for way in SearchWay.allCases { #expect(try await Self.search(way, storage, filters: filters).isEmpty) }
      try await storage.publish(
        second, as: .sample(documentID: first.newDocumentID, sourceURI: "s"), at: seconds(20))
      for way in SearchWay.allCases {
        #expect(try await Self.search(way, storage, filters: filters) == Set(second.chunks.map(\.id)))
        let before = try await Self.search(way, storage, asOf: seconds(15), filters: filters)
        #expect(before == Set(first.chunks.map(\.id)))
      }
    }
  }

  @Test("passages come in the order asked for, with who stands behind them", arguments: StorageUnderTest.all)
  func passages(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let author = try await storage.users.insert(try .sample("ann"), passwordHash: nil, roleIfFirst: nil)
      let stranger = UserID.random()
      try await storage.users.delete(author.id, in: organization, at: seconds(5))
      let draft = RevisionDraft.sample("one ä\n\ntwo\n\nthree", title: "T", headings: ["H1", "H2"])
      try await storage.publish(draft, as: .sample(by: author.id), reviewer: stranger)
      let ids = [2, 0].map { draft.chunks[$0].id }
      let passages = try await storage.passages.passages([ids[0], .random(), ids[1]], in: organization)
      #expect(
        passages
          == [2, 0].map { index in
            Passage(
              chunk: draft.chunks[index], documentID: draft.newDocumentID, revisionID: draft.revisionID, title: "T",
              submittedBy: "Ann", approvedBy: stranger.description)
          })
      #expect(try await storage.passages.passages([], in: organization).isEmpty)
    }
  }
}
