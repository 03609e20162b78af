/// Removes what a reader does not see: it would make the same words differ in search, or carry text past a reviewer to
/// a model ("ASCII smuggling" with tag characters and variation selectors, "Trojan Source" with bidi controls).
///
/// What goes:
/// - control characters but tab and line feed, the form feed that ``PageFurniture`` needs, and noncharacters;
/// - bidi embeddings, overrides and isolates (U+202A–202E, U+2066–2069): they change only how text is displayed, so the
///   logical order stays, which is what search and models read. The harmless marks U+200E, U+200F and U+061C stay;
/// - the byte-order mark, soft hyphen, word joiner, invisible operators and other default-ignorable controls;
/// - a zero-width space, but for Thai, Lao, Burmese and Khmer, where it parts words;
/// - ZWJ and ZWNJ, unless they follow a character beyond ASCII, once: Persian, the Indic scripts and emoji need those;
/// - variation selectors, unless one follows a character; tag characters, unless they make the flag of a region.
///
/// `\r\n`, `\r`, vertical tab, U+0085 and U+2028 become a line feed, U+2029 becomes two.
package enum HiddenCharacters {
  /// The bytes without them; the input is valid UTF-8.
  package static func removed(from bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    var previous: UInt32 = 0x0A
    var index = 0
    while index < bytes.count {
      let scalar = bytes.scalar(at: index)
      let next = index + scalar.length
      switch treatment(of: scalar.value, after: previous) {
      case .keep:
        output += bytes[index..<next]
        previous = scalar.value
      case .lineEnd(let count):
        let isPair = scalar.value == 0x0D && next < bytes.count && bytes[next] == 0x0A
        if !isPair { for _ in 0..<count { output.append(0x0A) } }
        previous = isPair ? previous : 0x0A
      case .remove: break
      }
      index = next
      if scalar.value == 0x1F3F4 {
        let end = flagTagsEnd(bytes, from: next)
        output += bytes[next..<end]
        index = end
      }
    }
    return output
  }

  private enum Treatment {
    case keep
    case remove
    case lineEnd(Int)
  }

  private static func treatment(of value: UInt32, after previous: UInt32) -> Treatment {
    if ScalarClass.isInert(value) { return .keep }
    switch value {
    case 0x0C: return .keep
    case 0x0B, 0x0D, 0x85, 0x2028: return .lineEnd(1)
    case 0x2029: return .lineEnd(2)
    case 0...0x1F, 0x7F...0x9F, 0xAD, 0x2060...0x206F, 0x202A...0x202E, 0xFEFF, 0xFFF9...0xFFFB: return .remove
    case 0x200B:
      let partsWords =
        (0x0E00...0x0EFF).contains(previous) || (0x1000...0x109F).contains(previous)
        || (0x1780...0x17FF).contains(previous)
      return partsWords ? .keep : .remove
    case 0x200C, 0x200D:
      return previous < 0x80 || isJoiner(previous) || ScalarClass.isWhiteSpace(previous) ? .remove : .keep
    case 0xFE00...0xFE0F, 0xE0100...0xE01EF:
      return isVariationSelector(previous) || isJoiner(previous) || ScalarClass.isWhiteSpace(previous) ? .remove : .keep
    case 0xE0000...0xE0FFF: return .remove
    case 0xFDD0...0xFDEF: return .remove
    default: return value & 0xFFFE == 0xFFFE ? .remove : .keep
    }
  }

  private static func isJoiner(_ value: UInt32) -> Bool { value == 0x200B || value == 0x200C || value == 0x200D }

  private static func isVariationSelector(_ value: UInt32) -> Bool {
    (0xFE00...0xFE0F).contains(value) || (0xE0100...0xE01EF).contains(value)
  }

  /// Where the tags behind a black flag end: three to six letters or digits, then the cancel tag (UTS #51); `start`
  /// when they make no flag.
  private static func flagTagsEnd(_ bytes: [UInt8], from start: Int) -> Int {
    var index = start
    var tags = 0
    while index < bytes.count, tags <= 6 {
      let scalar = bytes.scalar(at: index)
      index += scalar.length
      switch scalar.value {
      case 0xE0030...0xE0039, 0xE0061...0xE007A: tags += 1
      case 0xE007F: return tags >= 3 ? index : start
      default: return start
      }
    }
    return start
  }
}
