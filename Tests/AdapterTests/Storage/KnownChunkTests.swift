import Application
import Domain
import Foundation
import Testing

/// What is asked of chunks that a search has found already.
@Suite("Storage contract: chunks that are known")
struct KnownChunkTests {
  @Test("chunks have the scores that a search by words gives them", arguments: StorageUnderTest.all)
  func lexicalScores(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let draft = RevisionDraft.sample(
        "wind tunnels and wings\n\nwings of birds\n\na tunnel under the sea\n\nnothing of that kind")
      try await storage.publish(draft)
      let foreign = RevisionDraft.sample("wind tunnels of somebody else")
      try await storage.publish(foreign, as: .sample(in: otherOrganization))
      let scope = SearchScope(organizationID: organization)
      let found = try await storage.passages.lexical("wind tunnels", in: scope, limit: 10)
      #expect(found.count == 2)
      let all = draft.chunks.map(\.id) + foreign.chunks.map(\.id) + [ChunkID(UUID())]
      let scores = try await storage.passages.lexicalScores("wind tunnels", of: all, in: scope)
      #expect(Set(scores.keys) == Set(found.map(\.id)))
      for hit in found { #expect(abs((scores[hit.id] ?? 0) - hit.score) < 1e-9) }
      let one = try await storage.passages.lexicalScores("wind tunnels", of: [found[1].id], in: scope)
      #expect(one.keys.elementsEqual([found[1].id]))
      #expect(try await storage.passages.lexicalScores("", of: all, in: scope).isEmpty)
      #expect(try await storage.passages.lexicalScores("wind", of: [], in: scope).isEmpty)
    }
  }

  @Test("vectors come back as they were stored, of the model that is named", arguments: StorageUnderTest.all)
  func vectors(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let values: [[Float]] = [[1, 0, 0], [0.1, -0.7, .pi / 7], [-0, 1e-20, -1]]
      let draft = RevisionDraft.sample("a\n\nb\n\nc", vectors: values)
      let bare = RevisionDraft.sample("d")
      let foreign = RevisionDraft.sample("e", vectors: [[0, 0, 1]])
      try await storage.publish(draft)
      try await storage.publish(bare)
      try await storage.publish(foreign, as: .sample(in: otherOrganization))
      let all = (draft.chunks + bare.chunks + foreign.chunks).map(\.id) + [ChunkID(UUID())]
      func vectors(_ ids: [ChunkID], _ model: String = "model") async throws -> [ChunkID: Embedding] {
        try await storage.passages.vectors(of: ids, model: model, in: organization)
      }
      let expected = Dictionary(uniqueKeysWithValues: zip(draft.chunks.map(\.id), values.map { Embedding($0) }))
      #expect(try await vectors(all) == expected)
      #expect(try await vectors([all[1]]) == [all[1]: Embedding(values[1])])
      #expect(try await vectors(all, "another").isEmpty)
      #expect(try await vectors([]).isEmpty)
    }
  }

  @Test("neighbours are those of the same revision, in their order", arguments: StorageUnderTest.all)
  func neighbours(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let draft = RevisionDraft.sample("a\n\nb\n\nc\n\nd")
      let other = RevisionDraft.sample("x\n\ny")
      let foreign = RevisionDraft.sample("p\n\nq")
      try await storage.publish(draft)
      try await storage.publish(other)
      try await storage.publish(foreign, as: .sample(in: otherOrganization))
      let ids = draft.chunks.map(\.id)
      func neighbours(_ ids: [ChunkID], _ reach: Int) async throws -> [ChunkID: [ChunkID]] {
        try await storage.passages.neighbours(of: ids, reach: reach, in: organization)
          .mapValues { $0.map(\.chunk.id) }
      }
      let asked = [ids[0], ids[2], other.chunks[1].id, foreign.chunks[0].id]
      #expect(
        try await neighbours(asked, 1)
          == [ids[0]: [ids[1]], ids[2]: [ids[1], ids[3]], other.chunks[1].id: [other.chunks[0].id]])
      #expect(try await neighbours([ids[1]], 2) == [ids[1]: [ids[0], ids[2], ids[3]]])
      #expect(try await neighbours([ids[1]], 0).isEmpty)
      #expect(try await neighbours([], 1).isEmpty)
      let passage = try await storage.passages.neighbours(of: [ids[0]], reach: 1, in: organization)[ids[0]]?.first
      #expect(passage?.chunk == draft.chunks[1])
    }
  }
}
