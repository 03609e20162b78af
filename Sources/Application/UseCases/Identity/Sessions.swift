package import Domain

/// Finds who a token belongs to.
package struct ResolveSession: Sendable {
  let sessions: any SessionRepository
  let callers: RememberedCallers
  let secrets: any SecretGenerator
  let clock: WallClock

  /// The principal of a token: remembered from a moment ago, or found in one query.
  ///
  /// - Throws: `.unauthenticated` for a token that is malformed, unknown, expired, or of a deleted account.
  package func callAsFunction(token: String) async throws(UseCaseFailure) -> Principal {
    guard let token = SessionToken(token) else { throw .unauthenticated("the session token is not valid") }
    let (now, hash) = (clock.now(), secrets.hash(token.text.utf8))
    let principal = try await callers.principal(of: hash, at: now) { () async throws(UseCaseFailure) in
      let session = try await storing("session") { () async throws(StorageFailure) in
        try await sessions.session(for: hash, at: now)
      }
      return session.map { session in
        RememberedCallers.Found(
          principal: Principal(
            userID: session.userID, organizationID: session.organizationID, role: session.role,
            sessionID: session.id),
          expiresAt: session.expiresAt)
      }
    }
    guard let principal else { throw .unauthenticated("the session has ended; sign in again") }
    return principal
  }
}

/// Lists and ends the caller's sessions.
package struct ManageSessions: Sendable {
  let sessions: any SessionRepository
  let callers: RememberedCallers
  let clock: WallClock

  /// The caller's live sessions, newest first.
  package func list(_ caller: Principal) async throws(UseCaseFailure) -> [Session] {
    try await storing("session") { () async throws(StorageFailure) in
      try await sessions.sessions(of: caller.userID, in: caller.organizationID, at: clock.now())
    }
  }

  /// Ends one of the caller's sessions.
  package func revoke(_ id: SessionID, _ caller: Principal) async throws(UseCaseFailure) {
    try await storing("session") { () async throws(StorageFailure) in
      try await sessions.delete(id, of: caller.userID, in: caller.organizationID)
    }
    callers.forget()
  }

  /// Ends the session the caller is using. Ending it twice is no error.
  package func signOut(_ caller: Principal) async throws(UseCaseFailure) {
    guard let id = caller.sessionID else { return }
    do { try await sessions.delete(id, of: caller.userID, in: caller.organizationID) } catch .notFound {
      return
    } catch {
      throw UseCaseFailure(error, "session")
    }
    callers.forget()
  }

  /// Ends all of the caller's sessions, this one included, and says how many.
  package func revokeAll(_ caller: Principal) async throws(UseCaseFailure) -> Int {
    let count = try await storing("session") { () async throws(StorageFailure) in
      try await sessions.deleteAll(of: caller.userID, in: caller.organizationID)
    }
    callers.forget()
    return count
  }
}
