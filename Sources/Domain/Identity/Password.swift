/// A password as a user typed it: at least 10 characters and at most 72 bytes of UTF-8.
///
/// bcrypt reads 72 bytes and ignores the rest, so a longer password is refused instead of cut silently.
package struct Password: Sendable {
  /// The fewest characters.
  package static let minimumCharacters = 10
  /// The most bytes, bcrypt's own limit.
  package static let maximumBytes = 72

  /// Why a password was refused.
  package enum Failure: Error, Equatable {
    /// It has fewer than ``minimumCharacters`` characters.
    case tooShort
    /// It has more than ``maximumBytes`` bytes.
    case tooLong
    /// It holds U+0000, at which bcrypt would stop reading.
    case containsNull
  }

  /// The text to hash; never logged, never stored.
  package let text: String

  /// Checks the rules for a new password.
  package init(new text: String) throws(Failure) {
    guard text.count >= Self.minimumCharacters else { throw .tooShort }
    guard text.utf8.count <= Self.maximumBytes else { throw .tooLong }
    guard !NullCharacter.isIn(text) else { throw .containsNull }
    self.text = text
  }

  /// Takes what someone typed at sign-in: `nil` when no account can have it (too long, or with U+0000).
  package init?(attempt text: String) {
    guard text.utf8.count <= Self.maximumBytes, !NullCharacter.isIn(text) else { return nil }
    self.text = text
  }
}

/// A password's bcrypt hash in its `$2b$…` text form.
package struct PasswordHash: Hashable, Sendable {
  /// The 60 characters.
  package let text: String

  /// Wraps a stored hash.
  package init(_ text: String) { self.text = text }
}
