import Domain
import Logging

/// Builds one JSON object on one line, within limits.
struct JSONLine {
  private static let truncation = Array(#","truncated":true"#.utf8)

  private let maximumLine: Int
  private let maximumText: Int
  private var bytes: [UInt8] = [UInt8(ascii: "{")]
  private var isTruncated = false

  /// - Parameters:
  ///   - maximumLine: the most bytes, line feed included; large enough for the members that must be there.
  ///   - maximumText: the most bytes of one text before escaping.
  init(maximumLine: Int, maximumText: Int) {
    self.maximumLine = maximumLine
    self.maximumText = maximumText
  }

  /// Adds a member, or notes that the line is truncated when it does not fit any more.
  mutating func append(_ key: String, _ value: Logger.MetadataValue) {
    let before = bytes.count
    if before > 1 { bytes.append(UInt8(ascii: ",")) }
    append(text: key)
    bytes.append(UInt8(ascii: ":"))
    append(value, depth: 0)
    // Room stays for the note, the closing brace and the line feed.
    if bytes.count + Self.truncation.count + 2 > maximumLine {
      bytes.removeSubrange(before...)
      isTruncated = true
    }
  }

  /// The line, with brace and line feed.
  mutating func finished() -> [UInt8] {
    if isTruncated { bytes += Self.truncation }
    return bytes + [UInt8(ascii: "}"), UInt8(ascii: "\n")]
  }

  private mutating func append(_ value: Logger.MetadataValue, depth: Int) {
    switch value {
    case .string(let text): append(text: text)
    case .stringConvertible(let value): append(scalar: value)
    case .array(let values):
      guard depth < 8 else { return append(text: "…") }
      bytes.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() where bytes.count < maximumLine {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        append(value, depth: depth + 1)
      }
      bytes.append(UInt8(ascii: "]"))
    case .dictionary(let values):
      guard depth < 8 else { return append(text: "…") }
      bytes.append(UInt8(ascii: "{"))
      for (index, member) in values.sorted(by: { $0.key < $1.key }).enumerated() where bytes.count < maximumLine {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        append(text: member.key)
        bytes.append(UInt8(ascii: ":"))
        append(member.value, depth: depth + 1)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  /// Numbers and truth values stay what they are; everything else is its text.
  private mutating func append(scalar: any CustomStringConvertible) {
    switch scalar {
    case let number as any BinaryInteger: bytes += Array(number.description.utf8)
    case let number as Double where number.isFinite: bytes += Array(number.description.utf8)
    case let truth as Bool: bytes += Array(truth.description.utf8)
    default: append(text: scalar.description)
    }
  }

  private mutating func append(text: String) {
    let text = text.limited(to: maximumText)
    if text.isCut { isTruncated = true }
    bytes.append(UInt8(ascii: "\""))
    defer { bytes.append(UInt8(ascii: "\"")) }
    // Nearly all texts are ASCII without anything to escape.
    let plain: Void? =
      text.text.utf8.withContiguousStorageIfAvailable { utf8 in
        guard utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }) else { return nil }
        bytes.append(contentsOf: utf8)
      } ?? nil
    guard plain == nil else { return }
    for scalar in text.text.unicodeScalars {
      switch scalar {
      case "\"": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "\"")]
      case "\\": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "\\")]
      case "\n": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
      case "\r": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
      case "\t": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
      case _ where scalar.isControl:
        bytes += Array("\\u".utf8)
        for shift in [12, 8, 4, 0] as [UInt32] {
          bytes.append(UInt8(hexadecimalDigit: UInt8(scalar.value >> shift & 15)))
        }
      default: bytes += Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
  }
}

extension Unicode.Scalar {
  /// Whether a terminal or a line-wise reader could take it for a command or the end of the line: C0, DEL, C1 and the
  /// two Unicode separators.
  var isControl: Bool {
    value < 0x20 || (0x7F...0x9F).contains(value) || value == 0x2028 || value == 0x2029
  }
}

extension String {
  /// At most so many bytes of UTF-8, cut between characters of Unicode and marked with an ellipsis.
  func limited(to bytes: Int) -> (text: String, isCut: Bool) {
    guard utf8.count > bytes else { return (self, false) }
    var end = utf8.index(utf8.startIndex, offsetBy: max(0, bytes - 3))
    while end > startIndex, end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
    return (String(self[..<end]) + "…", true)
  }
}
