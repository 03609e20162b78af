/// A `tracestate` header (W3C Trace Context §3.3): what other tracing systems want passed along. It is passed along
/// unread and unchanged but for what does not fit.
package struct TraceState: Hashable, Sendable {
  /// The most characters that are passed on, the least that §3.3.1.5 asks for.
  package static let maximumLength = 512
  /// The most members of a list.
  package static let maximumMembers = 32

  /// The header's value.
  package let text: String

  /// Takes a header's value, several headers joined by commas.
  ///
  /// When it is longer than ``maximumLength``, members of more than 128 characters are left out first, then members
  /// from the end, as §3.3.1.5 asks.
  ///
  /// - Returns: `nil` when there is no member, more than 32, one twice, or one that does not follow the grammar.
  package init?(_ text: String) {
    var members =
      text.split(separator: ",", omittingEmptySubsequences: true).map { $0.trimming(Self.isOptionalWhitespace) }
      .filter { !$0.isEmpty }
    guard (1...Self.maximumMembers).contains(members.count), members.allSatisfy(Self.isMember) else { return nil }
    let keys = members.map { $0.prefix { $0 != "=" } }
    guard Set(keys).count == keys.count else { return nil }
    func length() -> Int { members.reduce(-1) { $0 + $1.utf8.count + 1 } }
    while length() > Self.maximumLength, let index = members.lastIndex(where: { $0.utf8.count > 128 }) {
      members.remove(at: index)
    }
    while length() > Self.maximumLength { members.removeLast() }
    guard !members.isEmpty else { return nil }
    self.text = members.joined(separator: ",")
  }

  private static func isMember(_ member: Substring) -> Bool {
    let bytes = Array(member.utf8)
    guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")) else { return false }
    return isKey(bytes[..<equals]) && isValue(bytes[(equals + 1)...])
  }

  private static func isKey(_ key: ArraySlice<UInt8>) -> Bool {
    guard (1...256).contains(key.count), let first = key.first, isLowerOrDigit(first) else { return false }
    let parts = key.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
    let isTenantKey = parts.count == 2 && (1...241).contains(parts[0].count) && (1...14).contains(parts[1].count)
    guard parts.count == 1 || isTenantKey && isLowerOrDigit(parts[1][parts[1].startIndex]) else { return false }
    return parts.allSatisfy { $0.allSatisfy { isLowerOrDigit($0) || "_-*/".utf8.contains($0) } }
  }

  private static func isValue(_ value: ArraySlice<UInt8>) -> Bool {
    guard (1...256).contains(value.count), value.last != UInt8(ascii: " ") else { return false }
    return value.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=") }
  }

  private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
    (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
  }
  private static func isOptionalWhitespace(_ character: Character) -> Bool { character == " " || character == "\t" }
}

extension Substring {
  fileprivate func trimming(_ isTrimmed: (Character) -> Bool) -> Substring {
    var rest = drop(while: isTrimmed)
    while let last = rest.last, isTrimmed(last) { rest.removeLast() }
    return rest
  }
}
