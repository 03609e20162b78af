import Domain

/// Signs in with an address and a password.
package struct SignIn: Sendable {
  let users: any UserRepository
  let hasher: any PasswordHasher
  let open: SessionOpener

  /// Checks the password and opens a session. An unknown address, a wrong password and an account without a password
  /// give the same answer after the same work.
  package func callAsFunction(
    email: String, password: String, client: ClientInfo = ClientInfo()
  ) async throws(UseCaseFailure) -> SignedIn {
    var account: (user: User, hash: PasswordHash?)?
    if let address = EmailAddress(email) {
      account = try await storing("account") { () async throws(StorageFailure) in
        try await users.credentials(for: address)
      }
    }
    // A password that no account can have is still hashed, against the decoy, so that it takes as long.
    let attempt = Password(attempt: password)
    let decoy = Password(attempt: "decoy")
    guard let typed = attempt ?? decoy else { throw .broken("the decoy password breaks the rules") }
    let matches: Bool
    do {
      matches = try await hasher.verify(typed, against: attempt == nil ? nil : account?.hash)
    } catch {
      throw UseCaseFailure(error)
    }
    guard matches, let account else { throw .unauthenticated("email or password is wrong") }
    return try await open(for: account.user, client: client)
  }
}
