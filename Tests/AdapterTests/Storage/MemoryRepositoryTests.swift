import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: memories")
struct MemoryRepositoryTests {
  private func memory(of owner: Owner, _ content: String, at time: Int64, id: MemoryID = .random()) -> UserMemory {
    UserMemory(id: id, owner: owner, content: content, createdAt: seconds(time), updatedAt: seconds(time))
  }

  @Test(
    "memories are listed by their last change, read and changed by their owner alone", arguments: StorageUnderTest.all)
  func ownership(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let owner = Owner.sample()
      let first = memory(of: owner, "I work in Zürich 🏔️", at: 1)
      let second = memory(of: owner, "I am an intern", at: 2)
      #expect(try await storage.memories.insert(first, maximum: 10))
      #expect(try await storage.memories.insert(second, maximum: 10))
      func list(_ owner: Owner) async throws -> [UserMemory] {
        try await storage.memories.memories(of: owner, page: PageRequest()).items
      }
      #expect(try await list(owner) == [second, first])
      for stranger in [Owner.sample(), Owner(organizationID: otherOrganization, userID: owner.userID)] {
        #expect(try await list(stranger).isEmpty)
        await #expect(throws: StorageFailure.notFound) {
          try await storage.memories.change(first.id, of: stranger, to: "mine", at: seconds(3))
        }
        await #expect(throws: StorageFailure.notFound) { try await storage.memories.delete(first.id, of: stranger) }
      }
      let changed = try await storage.memories.change(first.id, of: owner, to: "I work in Bern", at: seconds(3))
      #expect(changed.content == "I work in Bern")
      #expect((changed.createdAt, changed.updatedAt) == (seconds(1), seconds(3)))
      #expect(try await list(owner) == [changed, second])
      try await storage.memories.delete(second.id, of: owner)
      #expect(try await list(owner) == [changed])
      await #expect(throws: StorageFailure.notFound) { try await storage.memories.delete(second.id, of: owner) }
    }
  }

  @Test(
    "an owner has no more than the maximum, whoever else has some; an id is taken once", arguments: StorageUnderTest.all
  )
  func maximum(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let owner = Owner.sample()
      let first = memory(of: owner, "one", at: 1)
      #expect(try await storage.memories.insert(first, maximum: 2))
      await #expect(throws: StorageFailure.conflict("memory")) {
        try await storage.memories.insert(memory(of: .sample(), "theirs", at: 1, id: first.id), maximum: 2)
      }
      #expect(try await storage.memories.insert(memory(of: owner, "two", at: 2), maximum: 2))
      #expect(try await storage.memories.insert(memory(of: owner, "three", at: 3), maximum: 2) == false)
      #expect(try await storage.memories.insert(memory(of: .sample(), "other", at: 3), maximum: 2))
      try await storage.memories.delete(first.id, of: owner)
      #expect(try await storage.memories.insert(memory(of: owner, "three", at: 3), maximum: 2))
    }
  }

  @Test("insertions at the same time do not get over the maximum together", arguments: StorageUnderTest.all)
  func race(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let owner = Owner.sample()
      let stored = try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<12 {
          let memory = memory(of: owner, "number \(number)", at: Int64(number))
          group.addTask { try await storage.memories.insert(memory, maximum: 5) }
        }
        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(stored == 5)
      #expect(try await storage.memories.memories(of: owner, page: PageRequest()).items.count == 5)
    }
  }
}
