package import Domain
package import FoundationEssentials

/// The signed-in sessions, found by the hash of their token.
package protocol SessionRepository: Sendable {
  /// Stores a session.
  ///
  /// - Throws: `.conflict("token")` when the hash is taken.
  func insert(_ session: Session, tokenHash: SecretHash) async throws(StorageFailure)

  /// The session of a token, over all tenants, that has not expired and whose user is not deleted; one query that also
  /// gives the role.
  func session(for tokenHash: SecretHash, at time: Date) async throws(StorageFailure) -> Session?

  /// The sessions of a tenant's user that have not expired, newest first.
  func sessions(
    of user: UserID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> [Session]

  /// Ends one session of a user.
  ///
  /// - Throws: `.notFound` when the tenant's user has no such session.
  func delete(_ id: SessionID, of user: UserID, in organization: OrganizationID) async throws(StorageFailure)

  /// Ends all sessions of a tenant's user, and says how many there were.
  @discardableResult
  func deleteAll(of user: UserID, in organization: OrganizationID) async throws(StorageFailure) -> Int

  /// Removes the expired sessions of all tenants, and says how many.
  @discardableResult
  func deleteExpired(at time: Date) async throws(StorageFailure) -> Int
}
