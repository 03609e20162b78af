package import FoundationEssentials

/// Names an API key.
package typealias APIKeyID = Identifier<APIKey>

/// A secret with which a program acts for a user: `otk_` and 48 random alphanumerics (285 bits). Only its hash is stored.
package struct APIKeySecret: Hashable, Sendable {
  /// What every secret begins with, so that it is told from a session's token and found by secret scanners.
  package static let marker = "otk_"
  /// How many random characters follow.
  package static let randomLength = 48
  /// How many characters of it may be shown again, to tell one key from another.
  package static let prefixLength = 10

  /// All of it.
  package let text: String

  /// Takes a secret's text; `nil` unless it has exactly the form of one.
  package init?(_ text: some StringProtocol) {
    let text = String(text)
    guard text.utf8.starts(with: Self.marker.utf8) else { return nil }
    let random = text.utf8.dropFirst(Self.marker.utf8.count)
    guard random.count == Self.randomLength,
      random.allSatisfy({ (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) })
    else { return nil }
    self.text = text
  }

  /// Makes a new secret of a new token's randomness.
  package init(random: SessionToken) { text = Self.marker + random.text.suffix(Self.randomLength) }

  /// The part that may be shown again.
  package var prefix: String { String(text.prefix(Self.prefixLength)) }
}

/// What a key may be used for; the scopes do not include each other.
package enum APIKeyScope: String, Sendable, CaseIterable {
  /// Ask: the chat, its conversations and memories, and the model calls of the OpenAI-compatible API.
  case chat
  /// Find passages, and embed texts.
  case search
  /// Read documents.
  case read
  /// Submit knowledge, and follow submissions and their jobs. Takes the role contributor.
  case submit
  /// Review submissions, delete documents, see to jobs. Takes the role admin.
  case admin

  /// The least role of a user whose keys may have it.
  package var role: UserRole {
    switch self {
    case .chat, .search, .read: .user
    case .submit: .contributor
    case .admin: .admin
    }
  }

  /// The scopes of names; `nil` when one of them is none.
  package static func scopes(named names: [String]) -> Set<APIKeyScope>? {
    let scopes = names.compactMap(APIKeyScope.init(rawValue:))
    return scopes.count == names.count ? Set(scopes) : nil
  }
}

/// What a key allows whoever shows it.
package struct APIKeyGrant: Hashable, Sendable {
  /// The key.
  package let id: APIKeyID
  /// What it may be used for.
  package let scopes: Set<APIKeyScope>

  /// Makes a grant.
  package init(id: APIKeyID, scopes: Set<APIKeyScope>) {
    self.id = id
    self.scopes = scopes
  }

  /// The highest role that the scopes ask for.
  package var role: UserRole { scopes.map(\.role).max() ?? .user }
}

/// A user's API key.
package struct APIKey: Hashable, Sendable {
  /// The most characters of a name.
  package static let maximumNameLength = 100
  /// A use is noted again only after so many seconds.
  package static let useInterval: TimeInterval = 60

  /// Its id, which may be shown; the secret may not.
  package let id: APIKeyID
  /// Whose it is.
  package let owner: Owner
  /// What its owner calls it.
  package let name: String
  /// The beginning of the secret; see ``APIKeySecret/prefix``.
  package let prefix: String
  /// What it may be used for, at least one.
  package let scopes: Set<APIKeyScope>
  /// When it was made.
  package let createdAt: Date
  /// From when on it is refused; `nil` for never.
  package let expiresAt: Date?
  /// When it was last used, to ``useInterval``; `nil` for never.
  package var lastUsedAt: Date?

  /// Makes a key of its parts.
  package init(
    id: APIKeyID, owner: Owner, name: String, prefix: String, scopes: Set<APIKeyScope>, createdAt: Date,
    expiresAt: Date?, lastUsedAt: Date? = nil
  ) {
    self.id = id
    self.owner = owner
    self.name = name
    self.prefix = prefix
    self.scopes = scopes
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.lastUsedAt = lastUsedAt
  }

  /// What it allows.
  package var grant: APIKeyGrant { APIKeyGrant(id: id, scopes: scopes) }

  /// Who acts with it: its owner, with no higher role than the scopes ask for, nor than the owner has now.
  package func principal(ownerRole: UserRole) -> Principal {
    Principal(
      userID: owner.userID, organizationID: owner.organizationID, role: min(ownerRole, grant.role), sessionID: nil,
      apiKey: grant)
  }

  /// Whether a use at a time is worth noting.
  package func isUseWorthNoting(at time: Date) -> Bool {
    lastUsedAt.map { time.timeIntervalSince($0) >= Self.useInterval } ?? true
  }
}
