import Domain
import FoundationEssentials

/// The header of an e-mail or of one of its parts (RFC 5322, section 2.2).
struct EmailHeader {
  /// The most bytes of a header that are read.
  static let maximumBytes = 1 << 20

  private let fields: [(name: String, value: String)]
  /// Where the body begins.
  let end: Int
  /// Whether it has more bytes than are read.
  let isTooLong: Bool

  /// Reads the header at the start of a part; a line that is no field ends it.
  init(_ bytes: ArraySlice<UInt8>) {
    var fields: [(name: String, value: String)] = []
    var index = bytes.startIndex
    while index < bytes.endIndex, index - bytes.startIndex < Self.maximumBytes {
      let lineEnd = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
      let next = min(lineEnd + 1, bytes.endIndex)
      var line = bytes[index..<lineEnd]
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      if line.isEmpty {
        index = next
        break
      }
      if line.first == 0x20 || line.first == 0x09, let last = fields.indices.last {
        fields[last].value += " " + CharacterSet.decode(Array(line.drop { $0 == 0x20 || $0 == 0x09 }), named: "utf-8")
      } else if let colon = line.firstIndex(of: UInt8(ascii: ":")), Self.isName(line[..<colon]) {
        let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
        fields.append(
          (String(decoding: line[..<colon], as: UTF8.self).lowercased(), String(decoding: value, as: UTF8.self)))
      } else if !(fields.isEmpty && line.starts(with: Array("From ".utf8))) {
        break
      }
      index = next
    }
    self.fields = fields
    end = index
    isTooLong = index - bytes.startIndex > Self.maximumBytes
  }

  /// Whether there are no fields.
  var isEmpty: Bool { fields.isEmpty }

  /// The names of the fields, in small letters.
  var names: Set<String> { Set(fields.map(\.name)) }

  /// A field with its encoded words (RFC 2047) decoded; `nil` when there is none or it is empty.
  func text(_ name: String) -> String? {
    fields.first { $0.name == name }.map { EncodedWords.decode($0.value) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// A field that has parameters (RFC 2045, section 5.1): its value in small letters, and the parameters.
  func structured(_ name: String) -> (value: String, parameters: [String: String])? {
    guard let field = fields.first(where: { $0.name == name })?.value else { return nil }
    var parts: [String] = [""]
    var (isQuoted, isEscaped) = (false, false)
    for character in field {
      if isEscaped {
        parts[parts.count - 1].append(character)
        isEscaped = false
      } else if isQuoted, character == "\\" {
        isEscaped = true
      } else if character == "\"" {
        isQuoted.toggle()
      } else if character == ";", !isQuoted {
        parts.append("")
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    let trimmed = parts.map { $0.trimmingWhitespace() }
    var parameters: [String: String] = [:]
    for part in trimmed.dropFirst() {
      guard let equals = part.firstIndex(of: "=") else { continue }
      parameters[part[..<equals].lowercased()] = String(part[part.index(after: equals)...])
    }
    return (trimmed[0].lowercased(), parameters)
  }

  private static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.count <= 100 && bytes.allSatisfy { (0x21...0x7E).contains($0) }
  }
}

/// Words in other character sets in a header (RFC 2047): `=?utf-8?Q?caf=C3=A9?=`.
enum EncodedWords {
  /// The text with its encoded words decoded; white space between two of them goes.
  static func decode(_ text: String) -> String {
    var output = ""
    var rest = text[...]
    var isBehindWord = false
    while let start = rest.firstRange(of: "=?") {
      let before = rest[..<start.lowerBound]
      let parts = rest[start.upperBound...].split(separator: "?", maxSplits: 3, omittingEmptySubsequences: false)
      guard parts.count == 4, parts[3].hasPrefix("="), let bytes = bytes(of: parts[2], encoding: parts[1]) else {
        output += rest[..<start.upperBound]
        rest = rest[start.upperBound...]
        isBehindWord = false
        continue
      }
      if !(isBehindWord && before.allSatisfy(\.isWhitespace)) { output += before }
      // A language may stand behind the character set: RFC 2231, section 5.
      output += CharacterSet.decode(bytes, named: String(parts[0].prefix { $0 != "*" }))
      rest = parts[3].dropFirst()
      isBehindWord = true
    }
    return output + rest
  }

  private static func bytes(of text: Substring, encoding: Substring) -> [UInt8]? {
    switch encoding {
    case "B", "b": TransferEncoding.base64(Array(text.utf8))
    case "Q", "q": TransferEncoding.quotedPrintable(text.utf8.map { $0 == UInt8(ascii: "_") ? 0x20 : $0 })
    default: nil
    }
  }
}

/// The ways in which a part's bytes are written (RFC 2045, section 6).
enum TransferEncoding {
  /// The bytes that a body stands for.
  static func decode(_ body: ArraySlice<UInt8>, named name: String) -> [UInt8] {
    switch name {
    case "base64": base64(Array(body))
    case "quoted-printable": quotedPrintable(Array(body))
    default: Array(body)
    }
  }

  /// What is no base64 in between is passed over, as the standard asks.
  static func base64(_ text: [UInt8]) -> [UInt8] {
    let digits = text.filter { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/")
    }
    let whole = digits.prefix(digits.count - (digits.count % 4 == 1 ? 1 : 0))
    let padded = Data(whole + [UInt8](repeating: UInt8(ascii: "="), count: (4 - whole.count % 4) % 4))
    return Data(base64Encoded: padded).map(Array.init) ?? []
  }

  /// What is no escape stays as it is, as the standard asks.
  static func quotedPrintable(_ text: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      let byte = text[index]
      index += 1
      guard byte == UInt8(ascii: "=") else {
        output.append(byte)
        continue
      }
      if index + 1 < text.count, let high = digit(text[index]), let low = digit(text[index + 1]) {
        output.append(high << 4 | low)
        index += 2
      } else if let lineEnd = text[index...].firstIndex(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }),
        text[lineEnd] == UInt8(ascii: "\n")
      {
        index = lineEnd + 1
      } else {
        output.append(byte)
      }
    }
    return output
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }
}
