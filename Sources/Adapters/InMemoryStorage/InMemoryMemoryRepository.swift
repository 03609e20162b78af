package import Application
package import Domain
package import FoundationEssentials

/// What people have said about themselves, in memory.
package struct InMemoryMemoryRepository: MemoryRepository {
  private let store: InMemoryStore

  /// Reads and writes the memories of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func insert(_ memory: UserMemory, maximum: Int) async throws(StorageFailure) -> Bool {
    try store.access { state throws(StorageFailure) in
      guard state.memories[memory.id] == nil else { throw .conflict("memory") }
      guard state.memories.values.count(where: { $0.owner == memory.owner }) < maximum else { return false }
      state.memories[memory.id] = memory
      return true
    }
  }

  package func memories(of owner: Owner, page: PageRequest) async throws(StorageFailure) -> Page<UserMemory> {
    try store.access { state in
      .newestFirst(state.memories.values.filter { $0.owner == owner }, page: page, time: \.updatedAt, id: \.id)
    }
  }

  package func change(
    _ id: MemoryID, of owner: Owner, to content: String, at time: Date
  ) async throws(StorageFailure) -> UserMemory {
    try store.access { state throws(StorageFailure) in
      guard var memory = state.memories[id], memory.owner == owner else { throw .notFound }
      memory.content = content
      memory.updatedAt = time
      state.memories[id] = memory
      return memory
    }
  }

  package func delete(_ id: MemoryID, of owner: Owner) async throws(StorageFailure) {
    try store.access { state throws(StorageFailure) in
      guard state.memories[id]?.owner == owner else { throw .notFound }
      state.memories[id] = nil
    }
  }
}
