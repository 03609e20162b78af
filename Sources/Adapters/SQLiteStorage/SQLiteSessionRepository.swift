package import Application
package import Domain
package import FoundationEssentials
import GRDB

/// Sessions in SQLite.
package struct SQLiteSessionRepository: SessionRepository {
  private let database: SQLiteDatabase

  /// Reads and writes the sessions of `database`.
  package init(_ database: SQLiteDatabase) { self.database = database }

  package func insert(_ session: Session, tokenHash: SecretHash) async throws(StorageFailure) {
    try await database.write { db in
      try db.execute(
        cached: """
          INSERT INTO sessions (id, token_hash, user_id, organization_id, role, created_at, expires_at, ip_address,
            user_agent)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          session.id.sql, tokenHash.sql, session.userID.sql, session.organizationID.sql, session.role.rawValue.sql,
          session.createdAt.sql, session.expiresAt.sql, session.ipAddress.sql, session.userAgent.sql,
        ])
    }
  }

  package func session(for tokenHash: SecretHash, at time: Date) async throws(StorageFailure) -> Session? {
    try database.lookUp { db in
      try Row.fetchOne(
        db,
        cached: """
          SELECT s.* FROM sessions AS s JOIN users AS u ON u.id = s.user_id AND u.deleted_at IS NULL
          WHERE s.token_hash = ? AND s.expires_at > ?
          """,
        arguments: [tokenHash.sql, time.sql]
      ).map(Session.init(row:))
    }
  }

  package func sessions(
    of user: UserID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> [Session] {
    try await database.read { db in
      try Row.fetchAll(
        db,
        cached: """
          SELECT * FROM sessions WHERE user_id = ? AND organization_id = ? AND expires_at > ?
          ORDER BY created_at DESC, id DESC
          """,
        arguments: [user.sql, organization.sql, time.sql]
      ).map(Session.init(row:))
    }
  }

  package func delete(
    _ id: SessionID, of user: UserID, in organization: OrganizationID
  ) async throws(StorageFailure) {
    try await database.write { db in
      try db.execute(
        cached: "DELETE FROM sessions WHERE id = ? AND user_id = ? AND organization_id = ?",
        arguments: [id.sql, user.sql, organization.sql])
      guard db.changesCount == 1 else { throw StorageFailure.notFound }
    }
  }

  @discardableResult
  package func deleteAll(
    of user: UserID, in organization: OrganizationID
  ) async throws(StorageFailure) -> Int {
    try await database.write { db in
      try db.execute(
        cached: "DELETE FROM sessions WHERE user_id = ? AND organization_id = ?",
        arguments: [user.sql, organization.sql])
      return db.changesCount
    }
  }

  @discardableResult
  package func deleteExpired(at time: Date) async throws(StorageFailure) -> Int {
    try await database.write { db in
      try db.execute(cached: "DELETE FROM sessions WHERE expires_at <= ?", arguments: [time.sql])
      return db.changesCount
    }
  }
}
