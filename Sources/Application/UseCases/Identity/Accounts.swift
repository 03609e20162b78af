package import Domain

/// Reads and deletes accounts, and changes roles.
package struct ManageAccounts: Sendable {
  let users: any UserRepository
  let callers: RememberedCallers
  let clock: WallClock

  /// The caller's account.
  package func current(_ caller: Principal) async throws(UseCaseFailure) -> User {
    try await found("account") { () async throws(StorageFailure) in
      try await users.user(caller.userID, in: caller.organizationID)
    }
  }

  /// Deletes the caller's account softly and ends its sessions.
  package func deleteOwn(_ caller: Principal) async throws(UseCaseFailure) {
    try await storing("account") { () async throws(StorageFailure) in
      try await users.delete(caller.userID, in: caller.organizationID, at: clock.now())
    }
    callers.forget()
  }

  /// The tenant's accounts, newest first.
  ///
  /// - Throws: `.forbidden` below admin.
  package func list(page: PageRequest, _ caller: Principal) async throws(UseCaseFailure) -> Page<User> {
    try caller.require(.admin, to: "list accounts")
    return try await storing("account") { () async throws(StorageFailure) in
      try await users.users(in: caller.organizationID, page: page)
    }
  }

  /// Gives the account of an address a role; its sessions end, because they carry the old one.
  ///
  /// - Throws: `.forbidden` below admin; `.notFound` when the tenant has no such account.
  package func grant(
    _ role: UserRole, toEmail email: String, _ caller: Principal
  ) async throws(UseCaseFailure) -> User {
    try caller.require(.admin, to: "grant roles")
    guard let address = EmailAddress(email) else { throw .invalid("\(email) is not an email address") }
    let account = try await found("account") { () async throws(StorageFailure) in
      try await users.credentials(for: address)
    }
    guard account.user.organizationID == caller.organizationID else { throw .notFound("there is no such account") }
    let user = try await storing("account") { () async throws(StorageFailure) in
      try await users.setRole(role, of: account.user.id, in: caller.organizationID, at: clock.now())
    }
    callers.forget()
    return user
  }
}
