package import Application
package import Domain
package import FoundationEssentials

/// What people have said about themselves, in PostgreSQL.
package struct PostgresMemoryRepository: MemoryRepository {
  private let database: PostgresDatabase

  /// Reads and writes the memories of `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func insert(_ memory: UserMemory, maximum: Int) async throws(StorageFailure) -> Bool {
    let owner = memory.owner
    return try await database.write(in: owner.organizationID) { transaction in
      // Two insertions of one owner would each count without the other.
      try await transaction.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(\(owner.userID.description), 0))")
      let stored = try await transaction.first(
        """
        INSERT INTO user_memories (id, organization_id, user_id, content, created_at, updated_at)
        SELECT \(memory.id), \(owner.organizationID), \(owner.userID.description), \(memory.content),
          \(memory.createdAt), \(memory.updatedAt)
        WHERE (SELECT count(*) FROM user_memories WHERE \(owner.condition)) < \(maximum)
        RETURNING id
        """)
      return stored != nil
    }
  }

  package func memories(of owner: Owner, page: PageRequest) async throws(StorageFailure) -> Page<UserMemory> {
    try await database.page(
      in: owner.organizationID, "SELECT * FROM user_memories", where: [owner.condition], time: "updated_at", page,
      UserMemory.init(row:))
  }

  package func change(
    _ id: MemoryID, of owner: Owner, to content: String, at time: Date
  ) async throws(StorageFailure) -> UserMemory {
    let changed = try await database.change(
      in: owner.organizationID,
      """
      UPDATE user_memories SET content = \(content), updated_at = \(time) WHERE id = \(id) AND \(owner.condition)
      RETURNING *
      """, UserMemory.init(row:))
    guard let memory = changed.first else { throw .notFound }
    return memory
  }

  package func delete(_ id: MemoryID, of owner: Owner) async throws(StorageFailure) {
    let deleted = try await database.query(
      in: owner.organizationID, "DELETE FROM user_memories WHERE id = \(id) AND \(owner.condition) RETURNING id")
    if deleted.isEmpty { throw .notFound }
  }
}

extension UserMemory {
  /// Reads a row of `user_memories`.
  fileprivate init(row: PostgresRow) throws {
    guard let user = UserID(try row.value("user_id", as: String.self)) else {
      throw UnreadableValue(column: "user_id")
    }
    self.init(
      id: try row.id("id"), owner: Owner(organizationID: try row.id("organization_id"), userID: user),
      content: try row.value("content"), createdAt: try row.time("created_at"), updatedAt: try row.time("updated_at"))
  }
}
