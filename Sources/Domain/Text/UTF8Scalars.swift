extension [UInt8] {
  /// The scalar whose first byte is at `index`, and its length in bytes; these bytes must be valid UTF-8.
  ///
  /// A sequence that the end cuts off counts as one byte of U+FFFD, so that no caller can read past the end.
  package func scalar(at index: Int) -> (value: UInt32, length: Int) {
    let first = self[index]
    if first < 0x80 { return (UInt32(first), 1) }
    let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    guard index + length <= count else { return (0xFFFD, 1) }
    var value = UInt32(first) & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
    for offset in 1..<length { value = value << 6 | UInt32(self[index + offset] & 0x3F) }
    return (value, length)
  }

  /// The scalar that ends right before `index`, and its length in bytes; `nil` at the start.
  package func scalar(before index: Int) -> (value: UInt32, length: Int)? {
    guard index > 0 else { return nil }
    var start = index - 1
    while start > 0, index - start < 4, self[start] & 0xC0 == 0x80 { start -= 1 }
    return (scalar(at: start).value, index - start)
  }

  /// `range` without the white space at its ends.
  package func trimmingWhiteSpace(_ range: Range<Int>) -> Range<Int> {
    var lower = range.lowerBound
    var upper = range.upperBound
    while lower < upper {
      let next = scalar(at: lower)
      guard ScalarClass.isWhiteSpace(next.value) else { break }
      lower += next.length
    }
    while upper > lower, let last = scalar(before: upper), ScalarClass.isWhiteSpace(last.value) { upper -= last.length }
    return lower..<Swift.max(lower, upper)
  }
}

/// What kind of character a scalar is, as far as cutting text into parts needs it.
package enum ScalarClass {
  /// Whether the scalar has Unicode's White_Space property (the list of PropList.txt, unchanged since Unicode 6.3).
  package static func isWhiteSpace(_ value: UInt32) -> Bool {
    if value < 0x80 { return value == 0x20 || (0x09...0x0D).contains(value) }
    switch value {
    case 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: return true
    default: return false
    }
  }

  /// Whether words of this script are written without spaces and each character stands for about one token:
  /// Han, Hiragana, Katakana, Bopomofo and Hangul syllables.
  package static func isEastAsian(_ value: UInt32) -> Bool {
    switch value {
    case 0x3041...0x30FF, 0x3105...0x312F, 0x31F0...0x31FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xAC00...0xD7A3,
      0xF900...0xFAFF, 0xFF66...0xFF9D, 0x20000...0x323AF:
      return true
    default: return false
    }
  }

  /// Whether the scalar is a lower-case letter.
  package static func isLowercase(_ value: UInt32) -> Bool {
    if value < 0x80 { return (0x61...0x7A).contains(value) }
    return Unicode.Scalar(value)?.properties.isLowercase ?? false
  }

  /// Whether the scalar is an upper-case letter.
  package static func isUppercase(_ value: UInt32) -> Bool {
    if value < 0x80 { return (0x41...0x5A).contains(value) }
    return Unicode.Scalar(value)?.properties.isUppercase ?? false
  }
}
