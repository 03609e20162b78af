/// An `http` or `https` URL in its parts, read strictly: what is not plainly an address is refused, not repaired.
///
/// Follows RFC 3986 for the split into parts. Refused besides what is no URL: user information, white space, control
/// characters, backslashes and anything outside ASCII (a host in another script is written in its `xn--` form).
package struct WebAddress: Hashable, Sendable {
  /// The most bytes of an address.
  package static let maximumLength = 4_096

  /// Why a text is no address, in words for whoever wrote it.
  package struct Malformed: Error, Hashable, Sendable {
    /// The words.
    package let reason: String
  }

  /// `http` or `https`.
  package let scheme: String
  /// The host in lower case without a trailing dot; an IPv6 literal without its brackets.
  package let host: String
  /// The port that is connected to.
  package let port: Int
  /// The path with the query, as written, without the fragment; at least `/`.
  package let target: String

  /// Reads an address.
  package init(_ text: String) throws(Malformed) {
    guard text.utf8.count <= Self.maximumLength else {
      throw Malformed(reason: "the URL must have at most \(Self.maximumLength) bytes")
    }
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }) else {
      throw Malformed(reason: "the URL must be ASCII without spaces or backslashes (percent-encode other characters)")
    }
    guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
      throw Malformed(reason: "the URL must begin with http:// or https://")
    }
    scheme = text[..<colon].lowercased()
    guard scheme == "http" || scheme == "https" else {
      throw Malformed(reason: "the URL must begin with http:// or https://, not \(scheme.prefix(20)):")
    }
    let rest = text[text.index(colon, offsetBy: 3)...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard !authority.contains("@") else { throw Malformed(reason: "the URL must not have a user name or password") }
    let place = try HostAndPort(String(authority))
    host = place.host
    port = place.port ?? (scheme == "https" ? 443 : 80)
    let tail = rest[authority.endIndex...].prefix { $0 != "#" }
    target = tail.hasPrefix("/") ? String(tail) : "/" + tail
  }

  /// The whole address in its normal form: lower-case host, the port only where it is not the scheme's own.
  package var text: String {
    let shown = host.contains(":") ? "[\(host)]" : host
    return "\(scheme)://\(shown)" + (port == (scheme == "https" ? 443 : 80) ? "" : ":\(port)") + target
  }

  /// The path without the query.
  package var path: Substring { target.prefix { $0 != "?" } }

  /// Reads a reference of a redirect against this address (RFC 3986 §5.2).
  package func resolving(_ reference: String) throws(Malformed) -> WebAddress {
    let head = reference.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    if head.contains(":") { return try WebAddress(reference) }
    if reference.hasPrefix("//") { return try WebAddress("\(scheme):\(reference)") }
    let origin = String(text.dropLast(target.count))
    if reference.hasPrefix("/") { return try WebAddress(origin + reference) }
    if reference.isEmpty || reference.hasPrefix("#") { return self }
    if reference.hasPrefix("?") { return try WebAddress(origin + path + reference) }
    let folder = path.prefix(through: path.lastIndex(of: "/") ?? path.startIndex)
    return try WebAddress(origin + folder + reference)
  }
}

/// A host, and a port where one is written.
package struct HostAndPort: Hashable, Sendable {
  /// The host, as ``WebAddress/host`` has it.
  package let host: String
  /// The port, where one is written.
  package let port: Int?

  /// Makes one of its parts, which must be in their normal form.
  package init(host: String, port: Int?) {
    self.host = host
    self.port = port
  }

  /// Reads `name`, `name:port`, `[v6]` or `[v6]:port`.
  package init(_ text: String) throws(WebAddress.Malformed) {
    let name: Substring
    let tail: Substring
    if text.hasPrefix("[") {
      guard let close = text.firstIndex(of: "]") else {
        throw WebAddress.Malformed(reason: "the IPv6 address has no closing bracket")
      }
      name = text[text.index(after: text.startIndex)..<close]
      tail = text[text.index(after: close)...]
      guard let canonical = IPv6Text.canonical(name) else {
        throw WebAddress.Malformed(reason: "there is no IPv6 address between the brackets")
      }
      host = canonical
    } else {
      name = text.prefix { $0 != ":" }
      tail = text[name.endIndex...]
      host = try Self.name(name)
    }
    guard !tail.isEmpty else {
      port = nil
      return
    }
    let digits = tail.dropFirst()
    guard tail.hasPrefix(":"), (1...5).contains(digits.count), digits.utf8.allSatisfy({ (48...57).contains($0) }),
      let number = Int(digits), (1...65_535).contains(number)
    else { throw WebAddress.Malformed(reason: "the port must be a number from 1 to 65535") }
    port = number
  }

  /// A host name (RFC 1123 §2.1, and underscores, which are in use) in lower case, without one trailing dot.
  ///
  /// A last label that begins with a digit is taken only in the dotted form of four decimal numbers: `0x7f.1`, `127.1`
  /// and `2130706433` are other spellings of addresses, made to get past lists.
  private static func name(_ text: Substring) throws(WebAddress.Malformed) -> String {
    let trimmed = (text.hasSuffix(".") ? text.dropLast() : text).lowercased()
    let labels = trimmed.split(separator: ".", omittingEmptySubsequences: false)
    let isName = labels.allSatisfy { label in
      (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
        && label.utf8.allSatisfy {
          (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
        }
    }
    guard isName, trimmed.utf8.count <= 253 else {
      throw WebAddress.Malformed(reason: "the URL has no valid host name (write other scripts in their xn-- form)")
    }
    if let last = labels.last?.utf8.first, (48...57).contains(last) {
      let isAddress =
        labels.count == 4 && labels.allSatisfy { UInt8($0) != nil && ($0 == "0" || !$0.hasPrefix("0")) }
      guard isAddress else {
        throw WebAddress.Malformed(reason: "the IPv4 address must be four decimal numbers, such as 192.0.2.1")
      }
    }
    return trimmed
  }
}
