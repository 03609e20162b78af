extension WebAddress {
  /// The address that stands for all spellings of the same page, for telling pages apart (RFC 3986 §6.2.2): unreserved
  /// characters are not percent-encoded, escapes are in upper case, dot segments are gone. The query stays as it is:
  /// what its order means is the server's affair.
  package var canonical: WebAddress {
    let query = target.firstIndex(of: "?").map { target[$0...] } ?? ""
    let path = Self.withoutDotSegments(Self.normalisedEscapes(path))
    let origin = text.dropLast(target.count)
    // It was an address before, and nothing was added that is not allowed in one.
    return (try? WebAddress(origin + path + Self.normalisedEscapes(query))) ?? self
  }

  /// Reads what an HTML page has as `href` against this address: white space around it and line ends in it do not count,
  /// and what is not ASCII is percent-encoded as UTF-8 (WHATWG URL §4.4). No fragment is left.
  package func linked(_ reference: String) throws(Malformed) -> WebAddress {
    var bytes: [UInt8] = []
    for byte in reference.trimmingWhitespace().utf8 {
      switch byte {
      case 0x09, 0x0A, 0x0D: continue
      case 0x21...0x7E where byte != UInt8(ascii: "\\"): bytes.append(byte)
      case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "/"))
      default: bytes += [UInt8(ascii: "%")] + Self.hexadecimal(byte)
      }
    }
    return try resolving(String(decoding: bytes, as: UTF8.self)).canonical
  }

  /// Whether both are on one host: by the name, and by the port unless both have the port of their scheme.
  package func hasSameHost(as other: WebAddress) -> Bool {
    host == other.host && (port == other.port || (isDefaultPort && other.isDefaultPort))
  }

  /// Scheme, host and port: what one `robots.txt` is for (RFC 9309 §2.3).
  package var origin: String { String(text.dropLast(target.count)) }

  private var isDefaultPort: Bool { port == (scheme == "https" ? 443 : 80) }

  private static func normalisedEscapes(_ text: Substring) -> String { normalisedEscapes(String(text)) }

  /// Escapes of unreserved characters resolved, others in upper case; a `%` that begins none is left.
  static func normalisedEscapes(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%"), rest.count >= 2, let high = value(rest[rest.startIndex]),
        let low = value(rest[rest.startIndex + 1])
      else {
        bytes.append(byte)
        continue
      }
      rest = rest.dropFirst(2)
      let escaped = high << 4 | low
      if isUnreserved(escaped) { bytes.append(escaped) } else { bytes += [byte] + hexadecimal(escaped) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// RFC 3986 §5.2.4, on a path that begins with a slash.
  private static func withoutDotSegments(_ path: String) -> String {
    var kept: [Substring] = []
    let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    for (index, segment) in segments.enumerated() {
      let isLast = index == segments.count - 1
      switch segment {
      case ".": if isLast { kept.append("") }
      case "..":
        kept = kept.dropLast()
        if isLast { kept.append("") }
      default: kept.append(segment)
      }
    }
    return "/" + kept.joined(separator: "/")
  }

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
    default: false
    }
  }

  private static func hexadecimal(_ byte: UInt8) -> [UInt8] {
    [byte >> 4, byte & 15].map { $0 < 10 ? 0x30 + $0 : 0x37 + $0 }
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x37
    case 0x61...0x66: digit - 0x57
    default: nil
    }
  }
}
