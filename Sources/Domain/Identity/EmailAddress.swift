/// An e-mail address in lower case: something, `@`, and a domain; at most 254 bytes (RFC 5321 §4.5.3.1.3).
///
/// Deliberately loose: only delivering a message proves an address.
package struct EmailAddress: Hashable, Sendable, CustomStringConvertible {
  /// The most bytes that an address has.
  package static let maximumLength = 254

  /// The address, trimmed and in lower case.
  package let text: String

  /// Parses an address; `nil` when it has no single `@` between two non-empty parts, has white space or control
  /// characters, or is too long.
  package init?(_ raw: String) {
    let trimmed = raw.trimmingWhitespace().lowercased()
    let parts = trimmed.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.count <= 64, !parts[1].isEmpty,
      trimmed.utf8.count <= Self.maximumLength,
      !parts[1].hasPrefix("."), !parts[1].hasSuffix("."), !parts[1].contains(".."),
      trimmed.unicodeScalars.allSatisfy({ !$0.properties.isWhitespace && $0.properties.generalCategory != .control })
    else { return nil }
    text = trimmed
  }

  /// The address.
  package var description: String { text }
}

extension StringProtocol {
  /// The text without leading and trailing white space (Unicode `White_Space`).
  package func trimmingWhitespace() -> String {
    let scalars = unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
      let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
    else { return "" }
    return String(String.UnicodeScalarView(scalars[first...last]))
  }
}
