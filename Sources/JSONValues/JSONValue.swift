package import FoundationEssentials

/// JSON of any form, for what passes through unread and for what somebody else has given its shape.
package enum JSONValue: Codable, Hashable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number without a fraction that fits.
  case integer(Int)
  /// Another number.
  case number(Double)
  /// A string.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object; the order of its members is not kept.
  case object([String: JSONValue])

  /// Reads a text; `nil` when it is no JSON.
  package static func read(_ text: String) -> JSONValue? { try? parse(text) }

  /// Reads any value.
  package init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    // Each form is tried in turn; the last one's error is the one that is thrown.
    if value.decodeNil() {
      self = .null
    } else if let bool = try? value.decode(Bool.self) {
      self = .bool(bool)
    } else if let integer = try? value.decode(Int.self) {
      self = .integer(integer)
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else if let string = try? value.decode(String.self) {
      self = .string(string)
    } else if let array = try? value.decode([JSONValue].self) {
      self = .array(array)
    } else {
      self = .object(try value.decode([String: JSONValue].self))
    }
  }

  /// Writes the value.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }

  /// The JSON in UTF-8, keys sorted.
  ///
  /// - Throws: for a number that JSON has not, such as infinity.
  package var data: Data {
    get throws {
      var bytes: [UInt8] = []
      bytes.reserveCapacity(512)
      try write(to: &bytes)
      return Data(bytes)
    }
  }

  /// The JSON as text, keys sorted.
  package var text: String {
    get throws { String(decoding: try data, as: UTF8.self) }
  }

  /// A text that must be JSON.
  package static func parse(_ text: String) throws -> JSONValue {
    var copy = text
    let value = copy.withUTF8 { bytes -> JSONValue? in
      var scanner = JSONScanner(bytes)
      guard let value = try? scanner.value(), scanner.isAtEnd else { return nil }
      return value
    }
    // What the scanner does not take the decoder may, or says what is wrong with it.
    return try value ?? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
  }

  /// Writes the value as JSON: an encoder takes ten times as long, and every answer and every model's request is one.
  func write(to bytes: inout [UInt8]) throws {
    switch self {
    case .null: bytes += "null".utf8
    case .bool(let value): bytes += (value ? "true" : "false").utf8
    case .integer(let value): bytes += String(value).utf8
    case .number(let value):
      guard value.isFinite else {
        throw EncodingError.invalidValue(value, .init(codingPath: [], debugDescription: "JSON has no such number"))
      }
      let isWhole = value.rounded() == value && abs(value) < 1e15
      bytes += (isWhole ? String(Int64(value)) : "\(value)").utf8
    case .string(let text): JSONString.append(text, to: &bytes)
    case .array(let values):
      bytes.append(UInt8(ascii: "["))
      for (place, value) in values.enumerated() {
        if place > 0 { bytes.append(UInt8(ascii: ",")) }
        try value.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      for (place, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
        if place > 0 { bytes.append(UInt8(ascii: ",")) }
        JSONString.append(member.key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        try member.value.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }
}

/// How a text stands in a JSON string (RFC 8259 §7).
package enum JSONString {
  private static let digits = Array("0123456789abcdef".utf8)

  /// Adds a text with its quotes.
  static func append(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    write(text) { bytes += $0 }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Hands over the characters as they stand between the quotes, part by part.
  package static func write(_ text: String, _ take: (UnsafeBufferPointer<UInt8>) -> Void) {
    var text = text
    text.withUTF8 { bytes in
      var start = 0
      for (place, byte) in bytes.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C {
        take(UnsafeBufferPointer(rebasing: bytes[start..<place]))
        start = place + 1
        switch byte {
        case 0x22: escaped(#"\""#)
        case 0x5C: escaped(#"\\"#)
        case 0x0A: escaped(#"\n"#)
        case 0x0D: escaped(#"\r"#)
        case 0x09: escaped(#"\t"#)
        default:
          escaped(#"\u00"#)
          [digits[Int(byte >> 4)], digits[Int(byte & 15)]].withUnsafeBufferPointer(take)
        }
      }
      take(UnsafeBufferPointer(rebasing: bytes[start...]))
    }

    func escaped(_ escape: StaticString) {
      take(UnsafeBufferPointer(start: escape.utf8Start, count: escape.utf8CodeUnitCount))
    }
  }
}
