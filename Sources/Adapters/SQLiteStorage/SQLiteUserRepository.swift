package import Application
package import Domain
package import FoundationEssentials
import GRDB

/// Accounts in SQLite.
package struct SQLiteUserRepository: UserRepository {
  private let database: SQLiteDatabase

  /// Reads and writes the users of `database`.
  package init(_ database: SQLiteDatabase) { self.database = database }

  package func insert(
    _ user: User, passwordHash: PasswordHash?, roleIfFirst: UserRole?
  ) async throws(StorageFailure) -> User {
    try await database.write { db in
      var stored = user
      if let roleIfFirst, try Row.fetchOne(db, cached: "SELECT 1 FROM users WHERE deleted_at IS NULL LIMIT 1") == nil {
        stored.role = roleIfFirst
      }
      try db.execute(
        cached: """
          INSERT INTO users (id, organization_id, email, password_hash, display_name, role, created_at, updated_at,
            deleted_at)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          stored.id.sql, stored.organizationID.sql, stored.email.text.sql, (passwordHash?.text).sql,
          stored.displayName.sql, stored.role.rawValue.sql, stored.createdAt.sql, stored.updatedAt.sql,
          stored.deletedAt.sql,
        ])
      return stored
    }
  }

  package func user(_ id: UserID, in organization: OrganizationID) async throws(StorageFailure) -> User? {
    try database.lookUp { db in
      try Row.fetchOne(
        db.cachedStatement(sql: "SELECT * FROM users WHERE id = ? AND organization_id = ?"),
        arguments: [id.sql, organization.sql]
      ).map(User.init(row:))
    }
  }

  package func credentials(
    for email: EmailAddress
  ) async throws(StorageFailure) -> (user: User, hash: PasswordHash?)? {
    try await database.read { db in
      try Row.fetchOne(
        db, cached: "SELECT * FROM users WHERE email = ? AND deleted_at IS NULL", arguments: [email.text.sql]
      )
      .map { row in
        (user: try User(row: row), hash: try row.optional("password_hash", as: String.self).map(PasswordHash.init))
      }
    }
  }

  package func users(
    in organization: OrganizationID, page: PageRequest
  ) async throws(StorageFailure) -> Page<User> {
    try await database.read { db in
      try Page.fetch(
        db, select: "SELECT * FROM users",
        where: [("organization_id = ?", [organization.sql]), ("deleted_at IS NULL", [])], time: "created_at",
        page: page, read: User.init(row:))
    }
  }

  package func setRole(
    _ role: UserRole, of id: UserID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> User {
    try await database.write { db in
      let changed = try Row.fetchOne(
        db,
        cached: """
          UPDATE users SET role = ?, updated_at = ? WHERE id = ? AND organization_id = ? AND deleted_at IS NULL
          RETURNING *
          """,
        arguments: [role.rawValue.sql, time.sql, id.sql, organization.sql])
      guard let changed else { throw StorageFailure.notFound }
      try db.execute(cached: "DELETE FROM sessions WHERE user_id = ?", arguments: [id.sql])
      return try User(row: changed)
    }
  }

  package func delete(
    _ id: UserID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) {
    try await database.write { db in
      try db.execute(
        cached: """
          UPDATE users SET deleted_at = ?, updated_at = ? WHERE id = ? AND organization_id = ? AND deleted_at IS NULL
          """,
        arguments: [time.sql, time.sql, id.sql, organization.sql])
      guard db.changesCount == 1 else { throw StorageFailure.notFound }
      try db.execute(cached: "DELETE FROM sessions WHERE user_id = ?", arguments: [id.sql])
    }
  }
}
