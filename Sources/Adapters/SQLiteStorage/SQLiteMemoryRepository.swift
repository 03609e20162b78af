package import Application
package import Domain
package import FoundationEssentials
import GRDB

/// What people have said about themselves, in SQLite.
package struct SQLiteMemoryRepository: MemoryRepository {
  private let database: SQLiteDatabase

  /// Reads and writes the memories of `database`.
  package init(_ database: SQLiteDatabase) { self.database = database }

  package func insert(_ memory: UserMemory, maximum: Int) async throws(StorageFailure) -> Bool {
    try await database.write { db in
      try db.execute(
        cached: """
          INSERT INTO user_memories (id, organization_id, user_id, content, created_at, updated_at)
          SELECT :id, :organization, :user, :content, :created, :updated
          WHERE (SELECT count(*) FROM user_memories WHERE organization_id = :organization AND user_id = :user) < :maximum
          """,
        arguments: [
          "id": memory.id.sql, "organization": memory.owner.organizationID.sql, "user": memory.owner.userID.sql,
          "content": memory.content.sql, "created": memory.createdAt.sql, "updated": memory.updatedAt.sql,
          "maximum": maximum,
        ])
      return db.changesCount == 1
    }
  }

  package func memories(of owner: Owner, page: PageRequest) async throws(StorageFailure) -> Page<UserMemory> {
    try await database.read { db in
      try Page.fetch(
        db, select: "SELECT * FROM user_memories",
        where: [("organization_id = ?", [owner.organizationID.sql]), ("user_id = ?", [owner.userID.sql])],
        time: "updated_at", page: page, read: UserMemory.init(row:))
    }
  }

  package func change(
    _ id: MemoryID, of owner: Owner, to content: String, at time: Date
  ) async throws(StorageFailure) -> UserMemory {
    try await database.write { db in
      let changed = try Row.fetchOne(
        db,
        cached: """
          UPDATE user_memories SET content = ?, updated_at = ?
          WHERE id = ? AND organization_id = ? AND user_id = ? RETURNING *
          """,
        arguments: [content.sql, time.sql, id.sql, owner.organizationID.sql, owner.userID.sql])
      guard let changed else { throw StorageFailure.notFound }
      return try UserMemory(row: changed)
    }
  }

  package func delete(_ id: MemoryID, of owner: Owner) async throws(StorageFailure) {
    try await database.write { db in
      try db.execute(
        cached: "DELETE FROM user_memories WHERE id = ? AND organization_id = ? AND user_id = ?",
        arguments: [id.sql, owner.organizationID.sql, owner.userID.sql])
      guard db.changesCount == 1 else { throw StorageFailure.notFound }
    }
  }
}

extension UserMemory {
  /// Reads a row of `user_memories`.
  fileprivate init(row: Row) throws {
    self.init(
      id: try row.id("id"), owner: Owner(organizationID: try row.id("organization_id"), userID: try row.id("user_id")),
      content: try row.value("content"), createdAt: try row.time("created_at"), updatedAt: try row.time("updated_at"))
  }
}
