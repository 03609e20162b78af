package import Application
package import Domain
package import FoundationEssentials

/// Accounts in PostgreSQL.
package struct PostgresUserRepository: UserRepository {
  private let database: PostgresDatabase

  /// Reads and writes the users of `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func insert(
    _ user: User, passwordHash: PasswordHash?, roleIfFirst: UserRole?
  ) async throws(StorageFailure) -> User {
    try await database.write(in: user.organizationID) { transaction in
      var stored = user
      if let roleIfFirst {
        // Held until the end of the transaction, so that of many who sign up at once one is the first.
        try await transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended('opentier first account', 0))")
        if try await transaction.first("SELECT has_accounts()")?.value("has_accounts") == false {
          stored.role = roleIfFirst
        }
      }
      try await transaction.execute(
        """
        INSERT INTO users (id, organization_id, email, password_hash, display_name, role, created_at, updated_at,
          deleted_at)
        VALUES (\(stored.id), \(stored.organizationID), \(stored.email.text), \(passwordHash?.text),
          \(stored.displayName), \(enumeration: stored.role), \(stored.createdAt), \(stored.updatedAt),
          \(stored.deletedAt))
        """)
      return stored
    }
  }

  package func user(_ id: UserID, in organization: OrganizationID) async throws(StorageFailure) -> User? {
    try await database.fetchFirst(
      in: organization, "SELECT * FROM users WHERE id = \(id) AND organization_id = \(organization)",
      User.init(row:))
  }

  package func credentials(
    for email: EmailAddress
  ) async throws(StorageFailure) -> (user: User, hash: PasswordHash?)? {
    try await database.fetchFirst(in: nil, "SELECT * FROM find_credentials(\(email.text))") { row in
      (user: try User(row: row), hash: try row.optional("password_hash").map(PasswordHash.init))
    }
  }

  package func users(
    in organization: OrganizationID, page: PageRequest
  ) async throws(StorageFailure) -> Page<User> {
    try await database.page(
      in: organization, "SELECT * FROM users", where: ["organization_id = \(organization)", "deleted_at IS NULL"],
      time: "created_at", page, User.init(row:))
  }

  package func setRole(
    _ role: UserRole, of id: UserID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> User {
    let changed = try await database.change(
      in: organization,
      """
      WITH changed AS (
        UPDATE users SET role = \(enumeration: role), updated_at = \(time)
        WHERE id = \(id) AND organization_id = \(organization) AND deleted_at IS NULL RETURNING *
      ), ended AS (DELETE FROM sessions WHERE user_id IN (SELECT id FROM changed))
      SELECT * FROM changed
      """, User.init(row:))
    guard let user = changed.first else { throw .notFound }
    return user
  }

  package func delete(
    _ id: UserID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) {
    let deleted = try await database.query(
      in: organization,
      """
      WITH deleted AS (
        UPDATE users SET deleted_at = \(time), updated_at = \(time)
        WHERE id = \(id) AND organization_id = \(organization) AND deleted_at IS NULL RETURNING id
      ), ended AS (DELETE FROM sessions WHERE user_id IN (SELECT id FROM deleted))
      SELECT id FROM deleted
      """)
    if deleted.isEmpty { throw .notFound }
  }
}
