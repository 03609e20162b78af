package import Application
package import Domain
package import FoundationEssentials

/// API keys in PostgreSQL.
package struct PostgresAPIKeyRepository: APIKeyRepository {
  private let database: PostgresDatabase

  /// Reads and writes the keys of `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func insert(_ key: APIKey, hash: SecretHash, maximum: Int) async throws(StorageFailure) -> Bool {
    let owner = key.owner
    let scopes = key.scopes.map(\.rawValue).sorted()
    return try await database.write(in: owner.organizationID) { transaction in
      // Two insertions of one owner would each count without the other.
      try await transaction.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(\(owner.userID.description), 1))")
      let stored = try await transaction.first(
        """
        INSERT INTO api_keys (id, organization_id, user_id, name, prefix, key_hash, scopes, created_at, expires_at,
          last_used_at)
        SELECT \(key.id), \(owner.organizationID), \(owner.userID), \(key.name), \(key.prefix), \(hash), \(scopes),
          \(key.createdAt), \(key.expiresAt), \(key.lastUsedAt)
        WHERE (
          SELECT count(*) FROM api_keys
          WHERE \(owner.keyCondition) AND (expires_at IS NULL OR expires_at > \(key.createdAt))
        ) < \(maximum)
        RETURNING id
        """)
      return stored != nil
    }
  }

  package func key(
    for hash: SecretHash, at time: Date
  ) async throws(StorageFailure) -> (key: APIKey, ownerRole: UserRole)? {
    try await database.fetchFirst(in: nil, "SELECT * FROM find_api_key(\(hash), \(time))") { row in
      (key: try APIKey(row: row), ownerRole: try row.enumeration("owner_role"))
    }
  }

  package func keys(of owner: Owner) async throws(StorageFailure) -> [APIKey] {
    try await database.fetch(
      in: owner.organizationID,
      "SELECT * FROM api_keys WHERE \(owner.keyCondition) ORDER BY created_at DESC, id DESC", APIKey.init(row:))
  }

  package func delete(_ id: APIKeyID, of owner: Owner) async throws(StorageFailure) {
    let deleted = try await database.query(
      in: owner.organizationID, "DELETE FROM api_keys WHERE id = \(id) AND \(owner.keyCondition) RETURNING id")
    if deleted.isEmpty { throw .notFound }
  }

  package func noteUse(of id: APIKeyID, of owner: Owner, at time: Date) async throws(StorageFailure) {
    _ = try await database.query(
      in: owner.organizationID,
      """
      UPDATE api_keys SET last_used_at = \(time)
      WHERE id = \(id) AND \(owner.keyCondition) AND (last_used_at IS NULL OR last_used_at < \(time))
      """)
  }

  @discardableResult
  package func deleteExpired(before time: Date) async throws(StorageFailure) -> Int {
    try await database.change(in: nil, "SELECT delete_expired_api_keys(\(time)) AS count") { row in
      try row.value("count", as: Int.self)
    }.first ?? 0
  }
}

extension Owner {
  /// The condition of a key's owner.
  fileprivate var keyCondition: SQL { "user_id = \(userID) AND organization_id = \(organizationID)" }
}

extension APIKey {
  /// Reads a row of `api_keys`, or of `find_api_key`.
  fileprivate init(row: PostgresRow) throws {
    guard let scopes = APIKeyScope.scopes(named: try row.value("scopes")) else {
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
