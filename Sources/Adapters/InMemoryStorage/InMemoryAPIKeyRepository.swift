package import Application
package import Domain
package import FoundationEssentials

/// API keys in memory.
package struct InMemoryAPIKeyRepository: APIKeyRepository {
  private let store: InMemoryStore

  /// Reads and writes the keys of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func insert(_ key: APIKey, hash: SecretHash, maximum: Int) async throws(StorageFailure) -> Bool {
    try store.access { state throws(StorageFailure) in
      guard state.users[key.owner.userID]?.user.organizationID == key.owner.organizationID else { throw .notFound }
      guard state.apiKeys[key.id] == nil, !state.apiKeys.values.contains(where: { $0.hash == hash }) else {
        throw .conflict("key")
      }
      let live = state.apiKeys.values.count { row in
        row.key.owner == key.owner && !row.key.hasExpired(at: key.createdAt)
      }
      guard live < maximum else { return false }
      state.apiKeys[key.id] = APIKeyRow(key: key, hash: hash)
      return true
    }
  }

  package func key(
    for hash: SecretHash, at time: Date
  ) async throws(StorageFailure) -> (key: APIKey, ownerRole: UserRole)? {
    try store.access { state in
      guard let key = state.apiKeys.values.first(where: { $0.hash == hash })?.key, !key.hasExpired(at: time),
        let owner = state.users[key.owner.userID]?.user, owner.deletedAt == nil
      else { return nil }
      return (key, owner.role)
    }
  }

  package func keys(of owner: Owner) async throws(StorageFailure) -> [APIKey] {
    try store.access { state in
      state.apiKeys.values.map(\.key).filter { $0.owner == owner }
        .sorted { ($1.createdAt, $1.id) < ($0.createdAt, $0.id) }
    }
  }

  package func delete(_ id: APIKeyID, of owner: Owner) async throws(StorageFailure) {
    try store.access { state throws(StorageFailure) in
      guard state.apiKeys[id]?.key.owner == owner else { throw .notFound }
      state.apiKeys[id] = nil
    }
  }

  package func noteUse(of id: APIKeyID, of owner: Owner, at time: Date) async throws(StorageFailure) {
    try store.access { state in
      guard let key = state.apiKeys[id]?.key, key.owner == owner, key.lastUsedAt.map({ $0 < time }) ?? true else {
        return
      }
      state.apiKeys[id]?.key.lastUsedAt = time
    }
  }

  @discardableResult
  package func deleteExpired(before time: Date) async throws(StorageFailure) -> Int {
    try store.access { state in
      let before = state.apiKeys.count
      state.apiKeys = state.apiKeys.filter { !$0.value.key.hasExpired(at: time) }
      return before - state.apiKeys.count
    }
  }
}

extension APIKey {
  fileprivate func hasExpired(at time: Date) -> Bool { expiresAt.map { $0 <= time } ?? false }
}
