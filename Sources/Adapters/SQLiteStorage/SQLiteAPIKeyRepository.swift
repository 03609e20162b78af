package import Application
package import Domain
package import FoundationEssentials
import GRDB

/// API keys in SQLite.
package struct SQLiteAPIKeyRepository: APIKeyRepository {
  private let database: SQLiteDatabase

  /// Reads and writes the keys of `database`.
  package init(_ database: SQLiteDatabase) { self.database = database }

  package func insert(_ key: APIKey, hash: SecretHash, maximum: Int) async throws(StorageFailure) -> Bool {
    let scopes = key.scopes.map(\.rawValue).sorted()
    return try await database.write { db in
      try db.execute(
        cached: """
          INSERT INTO api_keys (id, organization_id, user_id, name, prefix, key_hash, scopes, created_at, expires_at,
            last_used_at)
          SELECT :id, :organization, :user, :name, :prefix, :hash, :scopes, :created, :expires, :used
          WHERE (
            SELECT count(*) FROM api_keys
            WHERE user_id = :user AND organization_id = :organization
              AND (expires_at IS NULL OR expires_at > :created)
          ) < :maximum
          """,
        arguments: [
          "id": key.id.sql, "organization": key.owner.organizationID.sql, "user": key.owner.userID.sql,
          "name": key.name.sql, "prefix": key.prefix.sql, "hash": hash.sql, "scopes": try scopes.json(),
          "created": key.createdAt.sql, "expires": key.expiresAt.sql, "used": key.lastUsedAt.sql, "maximum": maximum,
        ])
      return db.changesCount == 1
    }
  }

  package func key(
    for hash: SecretHash, at time: Date
  ) async throws(StorageFailure) -> (key: APIKey, ownerRole: UserRole)? {
    try database.lookUp { db in
      try Row.fetchOne(
        db,
        cached: """
          SELECT k.*, u.role AS owner_role
          FROM api_keys AS k JOIN users AS u ON u.id = k.user_id AND u.deleted_at IS NULL
          WHERE k.key_hash = ? AND (k.expires_at IS NULL OR k.expires_at > ?)
          """,
        arguments: [hash.sql, time.sql]
      ).map { (key: try APIKey(row: $0), ownerRole: try $0.enumeration("owner_role")) }
    }
  }

  package func keys(of owner: Owner) async throws(StorageFailure) -> [APIKey] {
    try await database.read { db in
      try Row.fetchAll(
        db,
        cached: "SELECT * FROM api_keys WHERE user_id = ? AND organization_id = ? ORDER BY created_at DESC, id DESC",
        arguments: [owner.userID.sql, owner.organizationID.sql]
      ).map(APIKey.init(row:))
    }
  }

  package func delete(_ id: APIKeyID, of owner: Owner) async throws(StorageFailure) {
    try await database.write { db in
      try db.execute(
        cached: "DELETE FROM api_keys WHERE id = ? AND user_id = ? AND organization_id = ?",
        arguments: [id.sql, owner.userID.sql, owner.organizationID.sql])
      guard db.changesCount == 1 else { throw StorageFailure.notFound }
    }
  }

  package func noteUse(of id: APIKeyID, of owner: Owner, at time: Date) async throws(StorageFailure) {
    try await database.write { db in
      try db.execute(
        cached: """
          UPDATE api_keys SET last_used_at = ?1
          WHERE id = ?2 AND user_id = ?3 AND organization_id = ?4 AND (last_used_at IS NULL OR last_used_at < ?1)
          """,
        arguments: [time.sql, id.sql, owner.userID.sql, owner.organizationID.sql])
    }
  }

  @discardableResult
  package func deleteExpired(before time: Date) async throws(StorageFailure) -> Int {
    try await database.write { db in
      try db.execute(cached: "DELETE FROM api_keys WHERE expires_at <= ?", arguments: [time.sql])
      return db.changesCount
    }
  }
}

extension APIKey {
  /// Reads a row of `api_keys`.
  fileprivate init(row: Row) throws {
    guard let scopes = APIKeyScope.scopes(named: try row.json("scopes")) else {
      throw UnreadableValue(column: "scopes")
    }
    self.init(
      id: try row.id("id"),
      owner: Owner(organizationID: try row.id("organization_id"), userID: try row.id("user_id")),
      name: try row.value("name"), prefix: try row.value("prefix"), scopes: scopes,
      createdAt: try row.time("created_at"), expiresAt: try row.optionalTime("expires_at"),
      lastUsedAt: try row.optionalTime("last_used_at"))
  }
}
