package import Application
package import Domain
package import FoundationEssentials

/// Sessions in PostgreSQL.
package struct PostgresSessionRepository: SessionRepository {
  private let database: PostgresDatabase

  /// Reads and writes the sessions of `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func insert(_ session: Session, tokenHash: SecretHash) async throws(StorageFailure) {
    _ = try await database.query(
      in: session.organizationID,
      """
      INSERT INTO sessions (id, session_token, user_id, organization_id, role, created_at, expires_at, ip_address,
        user_agent)
      VALUES (\(session.id), \(tokenHash), \(session.userID), \(session.organizationID),
        \(enumeration: session.role), \(session.createdAt), \(session.expiresAt),
        \(session.ipAddress.flatMap(InternetAddress.text))::inet, \(session.userAgent))
      """)
  }

  package func session(for tokenHash: SecretHash, at time: Date) async throws(StorageFailure) -> Session? {
    try await database.fetchFirst(
      in: nil, "SELECT * FROM find_session(\(tokenHash), \(time))", Session.init(row:))
  }

  package func sessions(
    of user: UserID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> [Session] {
    try await database.fetch(
      in: organization,
      """
      SELECT \(Session.columns) FROM sessions
      WHERE user_id = \(user) AND organization_id = \(organization) AND expires_at > \(time)
      ORDER BY created_at DESC, id DESC
      """, Session.init(row:))
  }

  package func delete(
    _ id: SessionID, of user: UserID, in organization: OrganizationID
  ) async throws(StorageFailure) {
    let deleted = try await database.query(
      in: organization,
      """
      DELETE FROM sessions WHERE id = \(id) AND user_id = \(user) AND organization_id = \(organization) RETURNING id
      """)
    if deleted.isEmpty { throw .notFound }
  }

  @discardableResult
  package func deleteAll(of user: UserID, in organization: OrganizationID) async throws(StorageFailure) -> Int {
    try await database.query(
      in: organization,
      "DELETE FROM sessions WHERE user_id = \(user) AND organization_id = \(organization) RETURNING id"
    ).count
  }

  @discardableResult
  package func deleteExpired(at time: Date) async throws(StorageFailure) -> Int {
    try await database.change(in: nil, "SELECT delete_expired_sessions(\(time)) AS count") { row in
      try row.value("count", as: Int.self)
    }.first ?? 0
  }
}
