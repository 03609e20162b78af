package import Domain

/// Finds who a token belongs to.
package struct ResolveSession: Sendable {
  let sessions: any SessionRepository
  let secrets: any SecretGenerator
  let clock: WallClock

  /// The principal of a token, in one query.
  ///
  /// - Throws: `.unauthenticated` for a token that is malformed, unknown, expired, or of a deleted account.
  package func callAsFunction(token: String) async throws(UseCaseFailure) -> Principal {
    guard let token = SessionToken(token) else { throw .unauthenticated("the session token is not valid") }
    let session = try await storing("session") { () async throws(StorageFailure) in
      try await sessions.session(for: secrets.hash(token.text.utf8), at: clock.now())
    }
    guard let session else { throw .unauthenticated("the session has ended; sign in again") }
    return Principal(
      userID: session.userID, organizationID: session.organizationID, role: session.role, sessionID: session.id)
  }
}

/// Lists and ends the caller's sessions.
package struct ManageSessions: Sendable {
  let sessions: any SessionRepository
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
  }

  /// Ends the session the caller is using. Ending it twice is no error.
  package func signOut(_ caller: Principal) async throws(UseCaseFailure) {
    guard let id = caller.sessionID else { return }
    do { try await sessions.delete(id, of: caller.userID, in: caller.organizationID) } catch .notFound {
      return
    } catch {
      throw UseCaseFailure(error, "session")
    }
  }

  /// Ends all of the caller's sessions, this one included, and says how many.
  package func revokeAll(_ caller: Principal) async throws(UseCaseFailure) -> Int {
    try await storing("session") { () async throws(StorageFailure) in
      try await sessions.deleteAll(of: caller.userID, in: caller.organizationID)
    }
  }
}
