import Contract
import HTTPTypes

/// Checks what a body claims to be.
enum ContentType {
  /// Refuses other media types, charsets than UTF-8, and compressed bodies.
  ///
  /// - Throws: an ``HTTPRefusal`` of 415.
  static func check(_ head: RequestHead, is types: [String], unlessEmpty isEmpty: Bool) throws {
    // Written for a refusal alone.
    var list: String { types.joined(separator: " or ") }
    guard let type = head.mediaType else {
      if isEmpty { return }
      throw HTTPRefusal.unsupportedMediaType("say what the body is: Content-Type: \(list)")
    }
    guard types.contains(type) else {
      if isEmpty { return }
      throw HTTPRefusal.unsupportedMediaType("the body must be \(list)")
    }
    try checkCharset(head)
    if let coding = head[.contentEncoding], coding.lowercased() != "identity" {
      throw HTTPRefusal.unsupportedMediaType("the body must not be compressed")
    }
  }

  /// Refuses other charsets than UTF-8.
  ///
  /// - Throws: an ``HTTPRefusal`` of 415.
  static func checkCharset(_ head: RequestHead) throws {
    if let charset = head[.contentType].flatMap({ parameter("charset", of: $0) }),
      charset.lowercased() != "utf-8"
    {
      throw HTTPRefusal.unsupportedMediaType("the body must be in UTF-8")
    }
  }

  /// Refuses a body that is compressed as a whole, where messages are compressed one by one.
  ///
  /// - Throws: `unimplemented`.
  static func refuseCompressedBody(_ head: RequestHead) throws(ContractError) {
    if let coding = head[.contentEncoding], coding.lowercased() != "identity" {
      throw ContractError(
        .unimplemented, "a body that is compressed as a whole cannot be read here: compress each message")
    }
  }

  /// A parameter of a media type or a disposition, its quotes taken off (RFC 9110 §5.6.6).
  static func parameter(_ name: String, of value: String) -> String? {
    var rest = Substring(value)
    while let semicolon = endOfItem(rest) {
      rest = rest[rest.index(after: semicolon)...].drop(while: { $0 == " " || $0 == "\t" })
      guard let equals = rest.firstIndex(of: "=") else { return nil }
      let key = rest[..<equals].lowercased()
      rest = rest[rest.index(after: equals)...]
      let raw = rest[..<(endOfItem(rest) ?? rest.endIndex)]
      if key == name { return unquoted(raw) }
    }
    return nil
  }

  /// Where the next `;` outside of quotes is.
  private static func endOfItem(_ text: Substring) -> Substring.Index? {
    var isQuoted = false
    var isEscaped = false
    for index in text.utf8.indices {
      let byte = text.utf8[index]
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\"), isQuoted {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isQuoted.toggle()
      } else if byte == UInt8(ascii: ";"), !isQuoted {
        return index
      }
    }
    return nil
  }

  /// Takes the quotes and the escapes of `"` and `\` off. Other backslashes stay: old browsers send whole paths.
  private static func unquoted(_ raw: Substring) -> String {
    var text = raw
    while text.last == " " || text.last == "\t" { text.removeLast() }
    guard text.count >= 2, text.first == "\"", text.last == "\"" else { return String(text) }
    return String(text.dropFirst().dropLast()).replacing("\\\"", with: "\"").replacing("\\\\", with: "\\")
  }
}
