import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: the models of vectors")
struct EmbeddingModelCatalogTests {
  @Test("no model serves before one is named, and the first that is named does", arguments: StorageUnderTest.all)
  func naming(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let catalog = storage.embeddingModels
      let unnamed = try await catalog.serving()
      #expect(unnamed == nil)
      #expect(try await catalog.takeTurn("a", at: seconds(1), until: seconds(2)) == false)
      #expect(try await catalog.serve("small", insteadOf: nil, at: seconds(1)) == "small")
      #expect(try await catalog.serving() == "small")
      // Another process was faster.
      #expect(try await catalog.serve("large", insteadOf: nil, at: seconds(2)) == "small")
      #expect(try await catalog.serve("large", insteadOf: "huge", at: seconds(2)) == "small")
      #expect(try await catalog.serve("large", insteadOf: "small", at: seconds(2)) == "large")
      #expect(try await catalog.serving() == "large")
    }
  }

  @Test("of many that name a model at once, one is heard", arguments: StorageUnderTest.all)
  func race(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let answers = try await withThrowingTaskGroup(of: String.self) { group in
        for number in 0..<8 {
          group.addTask { try await storage.embeddingModels.serve("m\(number)", insteadOf: nil, at: seconds(1)) }
        }
        return try await group.reduce(into: Set()) { $0.insert($1) }
      }
      #expect(answers.count == 1)
      #expect(try await storage.embeddingModels.serving() == answers.first)
    }
  }

  @Test("a turn is one holder's until it runs out", arguments: StorageUnderTest.all)
  func turns(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let catalog = storage.embeddingModels
      _ = try await catalog.serve("small", insteadOf: nil, at: seconds(0))
      #expect(try await catalog.takeTurn("a", at: seconds(1), until: seconds(10)))
      #expect(try await catalog.takeTurn("a", at: seconds(2), until: seconds(12)))
      #expect(try await catalog.takeTurn("b", at: seconds(11), until: seconds(20)) == false)
      #expect(try await catalog.takeTurn("b", at: seconds(12), until: seconds(20)))
      #expect(try await catalog.takeTurn("a", at: seconds(13), until: seconds(20)) == false)
      // A model that begins to serve leaves the turn where it is.
      _ = try await catalog.serve("large", insteadOf: "small", at: seconds(14))
      #expect(try await catalog.takeTurn("a", at: seconds(15), until: seconds(20)) == false)
    }
  }

  @Test(
    "vectors are counted over all tenants, and removed of models that do not serve", arguments: StorageUnderTest.all)
  func inventory(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let catalog = storage.embeddingModels
      #expect(try await catalog.inventory() == EmbeddingInventory(passages: 0, models: []))
      let own = RevisionDraft.sample("a\n\nb\n\nc", vectors: [[1, 0], [0, 1], [1, 0]], model: "small")
      let foreign = RevisionDraft.sample("d", vectors: [[1, 0]], model: "small")
      try await storage.publish(own)
      try await storage.publish(foreign, as: .sample(in: otherOrganization))
      try await storage.publish(.sample("e"))
      try await storage.passages.store(
        [own.chunks[0].id: Embedding([1, 0, 0])], model: "large", in: organization)
      let small = EmbeddingInventory.Model(name: "small", dimensions: 2, vectors: 4)
      let large = EmbeddingInventory.Model(name: "large", dimensions: 3, vectors: 1)
      #expect(try await catalog.inventory() == EmbeddingInventory(passages: 5, models: [large, small]))

      _ = try await catalog.serve("small", insteadOf: nil, at: seconds(1))
      #expect(try await catalog.removeVectors(of: "small", limit: 10) == 0)
      #expect(try await catalog.removeVectors(of: "unknown", limit: 10) == 0)
      #expect(try await storage.nearest([1, 0], model: "small").count == 3)
      _ = try await catalog.serve("large", insteadOf: "small", at: seconds(2))
      #expect(try await catalog.removeVectors(of: "small", limit: 0) == 0)
      #expect(try await catalog.removeVectors(of: "small", limit: 3) == 3)
      #expect(try await catalog.removeVectors(of: "small", limit: 3) == 1)
      #expect(try await catalog.removeVectors(of: "small", limit: 3) == 0)
      #expect(try await catalog.inventory() == EmbeddingInventory(passages: 5, models: [large]))
      #expect(try await storage.nearest([1, 0], model: "small").isEmpty)
      #expect(try await storage.nearest([1, 0, 0], model: "large") == [own.chunks[0].id])
      // The model can come back.
      try await storage.passages.store(
        [own.chunks[1].id: Embedding([0, 1])], model: "small", in: organization)
      #expect(try await storage.nearest([0, 1], model: "small") == [own.chunks[1].id])
    }
  }
}
