import FoundationEssentials

/// Writes Base64 (RFC 4648 §4).
enum Base64Text {
  /// The text of bytes.
  static func of(_ bytes: [UInt8], isPadded: Bool = true) -> String {
    let text = Data(bytes).base64EncodedString()
    return isPadded ? text : String(text.prefix { $0 != "=" })
  }
}
