package import FoundationEssentials

/// What a user may do; each role includes those before it.
package enum UserRole: String, Sendable, CaseIterable, Comparable {
  /// Asks questions and searches.
  case user
  /// Also submits knowledge.
  case contributor
  /// Also reviews submissions and deletes documents.
  case admin

  private var rank: Int {
    switch self {
    case .user: 0
    case .contributor: 1
    case .admin: 2
    }
  }

  /// Orders by power: `user` < `contributor` < `admin`.
  package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}

/// A tenant: every other row belongs to one.
package struct Organization: Hashable, Sendable {
  /// Its id.
  package let id: OrganizationID
  /// Its display name.
  package var name: String

  /// Makes an organisation of its parts.
  package init(id: OrganizationID, name: String) {
    self.id = id
    self.name = name
  }

  /// The organisation that sign-ups join unless configuration says otherwise; storage creates it with the schema.
  package static let standard = Organization(
    id: OrganizationID(UUID(uuid: (0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1))), name: "Default")
}

/// A person with an account.
package struct User: Hashable, Sendable {
  /// Its id.
  package let id: UserID
  /// The organisation that it belongs to.
  package let organizationID: OrganizationID
  /// The address it signs in with, unique among all accounts that are not deleted.
  package var email: EmailAddress
  /// The name that others see.
  package var displayName: String
  /// What it may do.
  package var role: UserRole
  /// When the account was made.
  package let createdAt: Date
  /// When it was last changed.
  package var updatedAt: Date
  /// When it was deleted (softly: its submissions and documents remain), or `nil` while it lives.
  package var deletedAt: Date?

  /// Makes a user of its parts.
  package init(
    id: UserID, organizationID: OrganizationID, email: EmailAddress, displayName: String, role: UserRole,
    createdAt: Date, updatedAt: Date, deletedAt: Date? = nil
  ) {
    self.id = id
    self.organizationID = organizationID
    self.email = email
    self.displayName = displayName
    self.role = role
    self.createdAt = createdAt
    self.updatedAt = updatedAt
    self.deletedAt = deletedAt
  }
}
