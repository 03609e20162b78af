package import Domain
package import FoundationEssentials

/// The accounts.
package protocol UserRepository: Sendable {
  /// Stores a new account. When `roleIfFirst` is given and there is no live account at all, it gets that role instead
  /// of its own; checked and stored in one transaction.
  ///
  /// - Returns: the account as stored.
  /// - Throws: `.conflict("email")` when a live account has the address.
  func insert(_ user: User, passwordHash: PasswordHash?, roleIfFirst: UserRole?) async throws(StorageFailure) -> User

  /// An account of a tenant, deleted ones included.
  func user(_ id: UserID, in organization: OrganizationID) async throws(StorageFailure) -> User?

  /// The live account of an address, over all tenants, with its password hash (none for an account without a password).
  func credentials(for email: EmailAddress) async throws(StorageFailure) -> (user: User, hash: PasswordHash?)?

  /// The live accounts of a tenant, newest first.
  func users(in organization: OrganizationID, page: PageRequest) async throws(StorageFailure) -> Page<User>

  /// Changes a live account's role and ends its sessions, whose role snapshot would be stale.
  ///
  /// - Throws: `.notFound` when the tenant has no such live account.
  func setRole(
    _ role: UserRole, of id: UserID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> User

  /// Deletes an account softly: it can no longer sign in, its sessions end, its address is free again; what it
  /// submitted stays.
  ///
  /// - Throws: `.notFound` when the tenant has no such live account.
  func delete(_ id: UserID, in organization: OrganizationID, at time: Date) async throws(StorageFailure)
}
