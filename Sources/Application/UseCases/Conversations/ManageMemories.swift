package import Domain

/// Keeps what the caller has said about themselves.
package struct ManageMemories: Sendable {
  let memories: any MemoryRepository
  let makeID: IDGenerator
  let clock: WallClock

  /// Adds a memory.
  ///
  /// - Throws: `.invalid`; `.exhausted` when there are ``UserMemory/maximumCount`` already.
  package func create(_ content: String, _ caller: Principal) async throws(UseCaseFailure) -> UserMemory {
    let now = clock.now()
    let memory = UserMemory(
      id: makeID(), owner: caller.owner, content: try Self.checked(content), createdAt: now, updatedAt: now)
    let isStored = try await storing("memory") { () async throws(StorageFailure) in
      try await memories.insert(memory, maximum: UserMemory.maximumCount)
    }
    guard isStored else {
      throw .exhausted("you have \(UserMemory.maximumCount) memories: delete one that is no longer needed")
    }
    return memory
  }

  /// The caller's memories, the last changed first.
  package func list(page: PageRequest, _ caller: Principal) async throws(UseCaseFailure) -> Page<UserMemory> {
    try await storing("memory") { () async throws(StorageFailure) in
      try await memories.memories(of: caller.owner, page: page)
    }
  }

  /// Changes a memory.
  package func change(
    _ id: MemoryID, to content: String, _ caller: Principal
  ) async throws(UseCaseFailure) -> UserMemory {
    let content = try Self.checked(content)
    return try await storing("memory") { () async throws(StorageFailure) in
      try await memories.change(id, of: caller.owner, to: content, at: clock.now())
    }
  }

  /// Deletes a memory.
  package func delete(_ id: MemoryID, _ caller: Principal) async throws(UseCaseFailure) {
    try await storing("memory") { () async throws(StorageFailure) in
      try await memories.delete(id, of: caller.owner)
    }
  }

  /// One line: line breaks would let a memory look like something else in a prompt.
  private static func checked(_ content: String) throws(UseCaseFailure) -> String {
    let content = content.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    guard !content.isEmpty, content.count <= UserMemory.maximumLength else {
      throw .invalid("content must have 1 to \(UserMemory.maximumLength) characters")
    }
    try refuseNull(in: content, of: "content")
    return content
  }
}
