package import Application
package import Domain
package import FoundationEssentials

/// Sessions in memory.
package struct InMemorySessionRepository: SessionRepository {
  private let store: InMemoryStore

  /// Reads and writes the sessions of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func insert(_ session: Session, tokenHash: SecretHash) async throws(StorageFailure) {
    try store.access { state throws(StorageFailure) in
      guard state.users[session.userID] != nil else { throw .notFound }
      guard state.sessions[session.id] == nil else { throw .conflict("session") }
      guard !state.sessions.values.contains(where: { $0.tokenHash == tokenHash }) else { throw .conflict("token") }
      state.sessions[session.id] = SessionRow(session: session, tokenHash: tokenHash)
    }
  }

  package func session(for tokenHash: SecretHash, at time: Date) async throws(StorageFailure) -> Session? {
    try store.access { state in
      guard let session = state.sessions.values.first(where: { $0.tokenHash == tokenHash })?.session,
        time < session.expiresAt, let user = state.users[session.userID]?.user, user.deletedAt == nil
      else { return nil }
      return session
    }
  }

  package func sessions(
    of user: UserID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) -> [Session] {
    try store.access { state in
      state.sessions.values.map(\.session)
        .filter { $0.isSession(of: user, in: organization) && time < $0.expiresAt }
        .sorted { ($1.createdAt, $1.id) < ($0.createdAt, $0.id) }
    }
  }

  package func delete(
    _ id: SessionID, of user: UserID, in organization: OrganizationID
  ) async throws(StorageFailure) {
    try store.access { state throws(StorageFailure) in
      guard let session = state.sessions[id]?.session, session.isSession(of: user, in: organization) else {
        throw .notFound
      }
      state.sessions[id] = nil
    }
  }

  @discardableResult
  package func deleteAll(
    of user: UserID, in organization: OrganizationID
  ) async throws(StorageFailure) -> Int {
    try store.access { state in Self.remove(from: &state) { $0.isSession(of: user, in: organization) } }
  }

  @discardableResult
  package func deleteExpired(at time: Date) async throws(StorageFailure) -> Int {
    try store.access { state in Self.remove(from: &state) { $0.expiresAt <= time } }
  }

  private static func remove(from state: inout StoreState, where isGone: (Session) -> Bool) -> Int {
    let before = state.sessions.count
    state.sessions = state.sessions.filter { !isGone($0.value.session) }
    return before - state.sessions.count
  }
}

extension Session {
  fileprivate func isSession(of user: UserID, in organization: OrganizationID) -> Bool {
    userID == user && organizationID == organization
  }
}
