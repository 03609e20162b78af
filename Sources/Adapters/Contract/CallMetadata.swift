import FoundationEssentials

/// What header fields and metadata mean, alike on every wire.
package enum CallMetadata {
  /// The request's id: the client's own where it is 1 to 128 letters, digits, `.`, `_` or `-`, else a new one.
  package static func requestID(_ given: String?) -> String {
    if let given, isRequestID(given) { return given }
    return UUID().uuidString.lowercased()
  }

  /// The token of `Authorization: Bearer` (RFC 6750 §2.1); the scheme's case does not matter.
  package static func bearerToken(authorization value: String?) -> String? {
    guard let value else { return nil }
    let parts = value.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
    return parts[1].trimmingPrefix(while: { $0 == " " }).description
  }

  private static func isRequestID(_ text: String) -> Bool {
    (1...128).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }
}
