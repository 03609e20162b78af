package import Domain
package import FoundationEssentials

/// What people have said about themselves; other people's is not found.
package protocol MemoryRepository: Sendable {
  /// Stores a memory, unless its owner has `maximum` already; counted and stored in one transaction.
  ///
  /// - Returns: whether it was stored.
  /// - Throws: `.conflict("memory")` when the id is taken.
  func insert(_ memory: UserMemory, maximum: Int) async throws(StorageFailure) -> Bool

  /// An owner's memories, the last changed first.
  func memories(of owner: Owner, page: PageRequest) async throws(StorageFailure) -> Page<UserMemory>

  /// Changes the sentence.
  ///
  /// - Throws: `.notFound`.
  func change(
    _ id: MemoryID, of owner: Owner, to content: String, at time: Date
  ) async throws(StorageFailure) -> UserMemory

  /// Deletes a memory.
  ///
  /// - Throws: `.notFound`.
  func delete(_ id: MemoryID, of owner: Owner) async throws(StorageFailure)
}
