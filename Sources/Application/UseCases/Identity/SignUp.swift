package import Domain
import FoundationEssentials

/// What a person gets who signs up or in: the account, the session, and the token, which is shown this once.
package struct SignedIn: Sendable {
  /// The account.
  package let user: User
  /// The session.
  package let session: Session
  /// The secret to show with each request.
  package let token: SessionToken
}

/// Opens sessions.
struct SessionOpener: Sendable {
  let sessions: any SessionRepository
  let secrets: any SecretGenerator
  let makeID: IDGenerator
  let clock: WallClock

  func callAsFunction(for user: User, client: ClientInfo) async throws(UseCaseFailure) -> SignedIn {
    let token = secrets.sessionToken()
    let now = clock.now()
    let session = Session(
      id: makeID(), userID: user.id, organizationID: user.organizationID, role: user.role, createdAt: now,
      expiresAt: now.addingTimeInterval(Session.lifetime), ipAddress: client.ipAddress, userAgent: client.userAgent)
    try await storing("session") { () async throws(StorageFailure) in
      try await sessions.insert(session, tokenHash: secrets.hash(token.text.utf8))
    }
    return SignedIn(user: user, session: session, token: token)
  }
}

/// What is known of the client that signs in.
package struct ClientInfo: Hashable, Sendable {
  /// Its address.
  package let ipAddress: String?
  /// Its `User-Agent`.
  package let userAgent: String?

  /// Makes a record.
  package init(ipAddress: String? = nil, userAgent: String? = nil) {
    self.ipAddress = ipAddress
    self.userAgent = userAgent
  }
}

/// Makes an account and signs it in.
package struct SignUp: Sendable {
  /// What a new user tells.
  package struct Command: Sendable {
    /// The address to sign in with.
    package let email: String
    /// The password, 10 characters to 72 bytes.
    package let password: String
    /// The name that others see, 1 to 100 characters.
    package let displayName: String
    /// The client.
    package let client: ClientInfo

    /// Makes a command.
    package init(email: String, password: String, displayName: String, client: ClientInfo = ClientInfo()) {
      self.email = email
      self.password = password
      self.displayName = displayName
      self.client = client
    }
  }

  /// The most characters of a display name.
  package static let maximumNameLength = 100

  let users: any UserRepository
  let hasher: any PasswordHasher
  let firstIsAdmin: Bool
  let makeID: IDGenerator
  let clock: WallClock
  let open: SessionOpener

  /// Checks the input, stores the account, and opens a session.
  package func callAsFunction(_ command: Command) async throws(UseCaseFailure) -> SignedIn {
    guard let email = EmailAddress(command.email) else {
      throw .invalid("email must be an address such as ada@example.org")
    }
    let name = command.displayName.trimmingWhitespace()
    guard !name.isEmpty, name.count <= Self.maximumNameLength else {
      throw .invalid("displayName must have 1 to \(Self.maximumNameLength) characters")
    }
    try refuseNull(in: name, of: "displayName")
    let password: Password
    do { password = try Password(new: command.password) } catch { throw UseCaseFailure(error) }
    let hash: PasswordHash
    do { hash = try await hasher.hash(password) } catch { throw UseCaseFailure(error) }
    let now = clock.now()
    let draft = User(
      id: makeID(), organizationID: Organization.standard.id, email: email, displayName: name, role: .user,
      createdAt: now, updatedAt: now)
    let user: User
    do {
      user = try await users.insert(draft, passwordHash: hash, roleIfFirst: firstIsAdmin ? .admin : nil)
    } catch .conflict {
      throw .alreadyExists("there is already an account for this email")
    } catch {
      throw UseCaseFailure(error, "account")
    }
    return try await open(for: user, client: command.client)
  }
}

extension UseCaseFailure {
  /// Says which rule a password breaks.
  init(_ failure: Password.Failure) {
    switch failure {
    case .tooShort: self = .invalid("password must have at least \(Password.minimumCharacters) characters")
    case .tooLong: self = .invalid("password must have at most \(Password.maximumBytes) bytes")
    case .containsNull: self = .invalid("password must not contain U+0000")
    }
  }
}
