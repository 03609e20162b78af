/// The origin of web pages, as browsers write it (RFC 6454 §6.2, the Fetch standard's `Origin`).
enum WebOrigin {
  /// What is accepted where origins are listed.
  static let accepted =
    "a list of origins as browsers write them: scheme://host or scheme://host:port in lower case, without a path and "
    + "without the scheme's own port; or * for all"

  /// Whether a text is an origin that a browser can send, or `*`.
  ///
  /// One that no browser sends would never match, which nobody would notice: a path, a capital letter, the port that the
  /// scheme has anyway, and `null`, which stands for no origin in particular.
  static func isOrigin(_ text: String) -> Bool {
    if text == "*" { return true }
    guard let separator = text.firstRange(of: "://") else { return false }
    let scheme = text[..<separator.lowerBound]
    guard let first = scheme.utf8.first, isLetter(first),
      scheme.utf8.allSatisfy({ isLetter($0) || isDigit($0) || "+-.".utf8.contains($0) })
    else { return false }
    let authority = text[separator.upperBound...]
    let hostEnd: Substring.Index
    if authority.hasPrefix("[") {
      guard let bracket = authority.firstIndex(of: "]") else { return false }
      hostEnd = authority.index(after: bracket)
      let address = authority[authority.index(after: authority.startIndex)..<bracket]
      guard !address.isEmpty, address.utf8.allSatisfy({ isHexadecimal($0) || ":.".utf8.contains($0) }) else {
        return false
      }
    } else {
      hostEnd = authority.firstIndex(of: ":") ?? authority.endIndex
      let host = authority[..<hostEnd]
      guard !host.isEmpty, host.utf8.allSatisfy({ isLetter($0) || isDigit($0) || ".-_".utf8.contains($0) }) else {
        return false
      }
    }
    return isPort(authority[hostEnd...], of: scheme)
  }

  private static func isPort(_ text: Substring, of scheme: Substring) -> Bool {
    if text.isEmpty { return true }
    let digits = text.dropFirst()
    guard text.first == ":", digits.utf8.allSatisfy(isDigit), digits.first != "0", let port = Int(digits),
      (1...65_535).contains(port)
    else { return false }
    return !(scheme == "http" && port == 80 || scheme == "https" && port == 443)
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }
}
