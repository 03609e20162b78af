package import Domain
package import FoundationEssentials

/// The API keys, found by the hash of their secret.
package protocol APIKeyRepository: Sendable {
  /// Stores a key, unless its owner has `maximum` already that have not expired; counted and stored in one transaction.
  ///
  /// - Returns: whether it was stored.
  /// - Throws: `.conflict("key")` when the id or the hash is taken; `.notFound` for an owner who is not there.
  func insert(_ key: APIKey, hash: SecretHash, maximum: Int) async throws(StorageFailure) -> Bool

  /// The key of a secret, over all tenants, that has not expired and whose owner is not deleted, with the role that the
  /// owner has now; one query.
  func key(for hash: SecretHash, at time: Date) async throws(StorageFailure) -> (key: APIKey, ownerRole: UserRole)?

  /// An owner's keys, expired ones too, newest first.
  func keys(of owner: Owner) async throws(StorageFailure) -> [APIKey]

  /// Deletes a key.
  ///
  /// - Throws: `.notFound` when the owner has no such key.
  func delete(_ id: APIKeyID, of owner: Owner) async throws(StorageFailure)

  /// Notes that a key was used, unless a later use is noted already. A key that is gone is no failure.
  func noteUse(of id: APIKeyID, of owner: Owner, at time: Date) async throws(StorageFailure)

  /// Removes the keys of all tenants that expired before a time, and says how many.
  @discardableResult
  func deleteExpired(before time: Date) async throws(StorageFailure) -> Int
}
