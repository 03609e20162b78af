package import FoundationEssentials

/// A secret of 64 random alphanumerics that its holder shows with each request; only its hash is stored.
package struct SessionToken: Hashable, Sendable {
  /// The number of characters.
  package static let length = 64

  /// The 64 characters.
  package let text: String

  /// Takes a token's text; `nil` unless it is exactly 64 ASCII letters and digits.
  package init?(_ text: some StringProtocol) {
    let text = String(text)
    let bytes = text.utf8
    guard bytes.count == Self.length,
      bytes.allSatisfy({ (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) })
    else { return nil }
    self.text = text
  }
}

/// The SHA-256 of a secret, 32 bytes.
package struct SecretHash: Hashable, Sendable {
  /// The 32 bytes.
  package let bytes: [UInt8]

  /// Wraps a digest.
  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The digest in lower-case hexadecimal.
  package var hexadecimal: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// A signed-in client of a user.
package struct Session: Hashable, Sendable {
  /// How long a session lives: 7 days, in seconds.
  package static let lifetime: TimeInterval = 7 * 24 * 60 * 60

  /// Its id, which may be shown; the token may not.
  package let id: SessionID
  /// Whose it is.
  package let userID: UserID
  /// The tenant of that user.
  package let organizationID: OrganizationID
  /// The role the user had at sign-in.
  package let role: UserRole
  /// When it was opened.
  package let createdAt: Date
  /// From when on it is refused.
  package let expiresAt: Date
  /// The client's address at sign-in, where known.
  package let ipAddress: String?
  /// The client's `User-Agent` at sign-in, at most 512 characters, without U+0000.
  package let userAgent: String?

  /// Makes a session of its parts.
  package init(
    id: SessionID, userID: UserID, organizationID: OrganizationID, role: UserRole, createdAt: Date, expiresAt: Date,
    ipAddress: String?, userAgent: String?
  ) {
    self.id = id
    self.userID = userID
    self.organizationID = organizationID
    self.role = role
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.ipAddress = ipAddress
    self.userAgent = userAgent.map { NullCharacter.dropped(from: String($0.prefix(512))) }
  }
}

/// Who is asking: what authorisation is decided on.
package struct Principal: Hashable, Sendable {
  /// The user.
  package let userID: UserID
  /// The tenant.
  package let organizationID: OrganizationID
  /// The role snapshot of the session; with an API key the lower of its owner's role and what its scopes ask for.
  package let role: UserRole
  /// The session, or `nil` for an API key and for the operator at the command line.
  package let sessionID: SessionID?
  /// The API key that was shown in place of a session's token, and what it allows; `nil` where none was.
  package let apiKey: APIKeyGrant?

  /// Makes a principal of its parts.
  package init(
    userID: UserID, organizationID: OrganizationID, role: UserRole, sessionID: SessionID?, apiKey: APIKeyGrant? = nil
  ) {
    self.userID = userID
    self.organizationID = organizationID
    self.role = role
    self.sessionID = sessionID
    self.apiKey = apiKey
  }
}

/// Whose a private thing is: a user within a tenant.
package struct Owner: Hashable, Sendable {
  /// The tenant.
  package let organizationID: OrganizationID
  /// The user.
  package let userID: UserID

  /// Makes an owner.
  package init(organizationID: OrganizationID, userID: UserID) {
    self.organizationID = organizationID
    self.userID = userID
  }
}

extension Principal {
  /// The principal as the owner of what it makes.
  package var owner: Owner { Owner(organizationID: organizationID, userID: userID) }
}
