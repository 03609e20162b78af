package import Application
package import Domain
package import FoundationEssentials

/// Accounts in memory.
package struct InMemoryUserRepository: UserRepository {
  private let store: InMemoryStore

  /// Reads and writes the users of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func insert(
    _ user: User, passwordHash: PasswordHash?, roleIfFirst: UserRole?
  ) async throws(StorageFailure) -> User {
    try store.access { state throws(StorageFailure) in
      guard state.users[user.id] == nil else { throw .conflict("user") }
      let live = state.users.values.filter { $0.user.deletedAt == nil }
      guard !live.contains(where: { $0.user.email == user.email }) else { throw .conflict("email") }
      var stored = user
      if let roleIfFirst, live.isEmpty { stored.role = roleIfFirst }
      state.users[user.id] = UserRow(user: stored, hash: passwordHash)
      return stored
    }
  }

  package func user(_ id: UserID, in organization: OrganizationID) async throws(StorageFailure) -> User? {
    try store.access { state in
      state.users[id].flatMap { $0.user.organizationID == organization ? $0.user : nil }
    }
  }

  package func credentials(
    for email: EmailAddress
  ) async throws(StorageFailure) -> (user: User, hash: PasswordHash?)? {
    try store.access { state in
      state.users.values.first { $0.user.email == email && $0.user.deletedAt == nil }.map { ($0.user, $0.hash) }
    }
  }

  package func users(
    in organization: OrganizationID, page: PageRequest
  ) async throws(StorageFailure) -> Page<User> {
    try store.access { state in
      let users = state.users.values.map(\.user).filter { $0.organizationID == organization && $0.deletedAt == nil }
      return .newestFirst(users, page: page, time: \.createdAt, id: \.id)
    }
  }

  package func setRole(
    _ role: UserRole, of id: UserID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> User {
    try store.access { state throws(StorageFailure) in
      var user = try Self.liveUser(id, in: organization, state)
      user.role = role
      user.updatedAt = time
      state.users[id]?.user = user
      state.sessions = state.sessions.filter { $0.value.session.userID != id }
      return user
    }
  }

  package func delete(
    _ id: UserID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) {
    try store.access { state throws(StorageFailure) in
      var user = try Self.liveUser(id, in: organization, state)
      user.deletedAt = time
      user.updatedAt = time
      state.users[id]?.user = user
      state.sessions = state.sessions.filter { $0.value.session.userID != id }
    }
  }

  private static func liveUser(
    _ id: UserID, in organization: OrganizationID, _ state: StoreState
  ) throws(StorageFailure) -> User {
    guard let user = state.users[id]?.user, user.organizationID == organization, user.deletedAt == nil else {
      throw .notFound
    }
    return user
  }
}
