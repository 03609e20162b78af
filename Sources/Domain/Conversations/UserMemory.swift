package import FoundationEssentials

/// What somebody has said about themselves, in a sentence: "I work in the Berlin office".
package struct UserMemory: Hashable, Sendable {
  /// The most characters of one.
  package static let maximumLength = 500
  /// The most that one user has.
  package static let maximumCount = 100

  /// Its id.
  package let id: MemoryID
  /// Whose it is.
  package let owner: Owner
  /// The sentence.
  package var content: String
  /// When it was made.
  package let createdAt: Date
  /// When it was last changed.
  package var updatedAt: Date

  /// Makes a memory of its parts.
  package init(id: MemoryID, owner: Owner, content: String, createdAt: Date, updatedAt: Date) {
    self.id = id
    self.owner = owner
    self.content = content
    self.createdAt = createdAt
    self.updatedAt = updatedAt
  }
}
