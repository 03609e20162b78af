import Application

/// Turns a payload's bytes into text without a guess: UTF-8, or UTF-16 with a byte-order mark; nothing else.
enum PayloadDecoder {
  /// The text; a byte-order mark is not part of it.
  ///
  /// - Throws: `.invalid` with the offset of the first byte that is wrong, also for NUL bytes, which text never has.
  static func decode(_ bytes: [UInt8]) throws(ExtractionFailure) -> String {
    if bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]) {
      throw .invalid("the text is UTF-32: save it as UTF-8")
    }
    if bytes.starts(with: [0xFF, 0xFE]) { return try decodeUTF16(bytes, bigEndian: false) }
    if bytes.starts(with: [0xFE, 0xFF]) { return try decodeUTF16(bytes, bigEndian: true) }
    if let offset = bytes.firstIndex(of: 0) {
      throw .invalid("byte \(offset) is NUL: this is not text, or UTF-16 without a byte-order mark; save it as UTF-8")
    }
    let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    guard let text = String(validating: bytes[start...], as: UTF8.self) else {
      throw .invalid(
        "byte \(firstInvalidOffset(in: bytes)) is not UTF-8\(declaredEncoding(bytes)): save the text as UTF-8"
      )
    }
    return text
  }

  private static func decodeUTF16(_ bytes: [UInt8], bigEndian: Bool) throws(ExtractionFailure) -> String {
    guard bytes.count.isMultiple(of: 2) else {
      throw .invalid("the text is UTF-16, but has an odd number of bytes (\(bytes.count)): it was cut off")
    }
    var units: [UInt16] = []
    units.reserveCapacity(bytes.count / 2)
    for index in stride(from: 2, to: bytes.count, by: 2) {
      let (first, second) = (UInt16(bytes[index]), UInt16(bytes[index + 1]))
      units.append(bigEndian ? first << 8 | second : second << 8 | first)
    }
    if let index = units.firstIndex(of: 0) { throw .invalid("byte \(index * 2 + 2) is NUL: this is not text") }
    guard let text = String(validating: units, as: UTF16.self) else {
      throw .invalid("byte \(loneSurrogate(in: units) * 2 + 2) is half a surrogate pair, which is not UTF-16")
    }
    return text
  }

  private static func loneSurrogate(in units: [UInt16]) -> Int {
    var index = 0
    while index < units.count {
      let isPair =
        UTF16.isLeadSurrogate(units[index]) && index + 1 < units.count && UTF16.isTrailSurrogate(units[index + 1])
      if !isPair, UTF16.isSurrogate(units[index]) { return index }
      index += isPair ? 2 : 1
    }
    return index
  }

  /// Where the first byte lies that begins no well-formed sequence (Unicode Standard, table 3-7).
  static func firstInvalidOffset(in bytes: [UInt8]) -> Int {
    var index = 0
    while index < bytes.count {
      let first = bytes[index]
      let length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0
      guard length > 0, index + length <= bytes.count,
        String(validating: bytes[index..<(index + length)], as: UTF8.self) != nil
      else { return index }
      index += length
    }
    return index
  }

  /// What an HTML page says of its encoding near its start, in words for the message.
  private static func declaredEncoding(_ bytes: [UInt8]) -> String {
    let head = bytes.prefix(2_048)
    guard let label = head.firstRange(of: Array("charset=".utf8)) else { return "" }
    let name = head[label.upperBound...].drop { $0 == 0x22 || $0 == 0x27 }.prefix {
      (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || $0 == 0x2D || $0 == 0x5F
    }
    return name.isEmpty ? "" : " (the page says \(String(decoding: name, as: UTF8.self)))"
  }
}
