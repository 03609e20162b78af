import Domain
import FoundationEssentials

/// What header fields and metadata mean, alike on every wire.
package enum CallMetadata {
  /// The request's id: the client's own where it is 1 to 128 letters, digits, `.`, `_` or `-`, else a new one.
  package static func requestID(_ given: String?) -> String {
    if let given, isRequestID(given) { return given }
    return UUID.unique().lowercaseText
  }

  /// The token of `Authorization: Bearer` (RFC 6750 §2.1); the scheme's case does not matter.
  package static func bearerToken(authorization value: String?) -> String? {
    guard let value else { return nil }
    let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") }
    let given = value.utf8.drop(while: isBlank)
    let scheme = given.prefix { !isBlank($0) }
    let token = given[scheme.endIndex...].drop(while: isBlank)
    // Letters differ from their lower case in one bit.
    guard !token.isEmpty, scheme.elementsEqual("bearer".utf8, by: { $0 | 0x20 == $1 }) else { return nil }
    return String(Substring(token))
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
