/// Makes text fit to be stored, searched and quoted.
///
/// In this order: Unicode NFC, with at most 30 combining marks in a row; line ends become `\n`; control characters,
/// noncharacters and hidden characters go (see ``HiddenCharacters``); lines that repeat at the edges of pages go (see
/// ``PageFurniture``); more than two blank lines in a row become two. Nothing else changes: text that is clean comes
/// out byte for byte as it went in, and cleaning twice is cleaning once. Takes time linear in the length of the text.
package enum TextCleaner {
  /// Blank lines in a row that are kept.
  package static let maximumBlankLines = 2

  /// The clean text.
  package static func clean(_ text: String) -> String {
    var text = text
    var bytes = Array(text.utf8)
    if !bytes.allScalars(where: ScalarClass.isInert) {
      text = text.canonicallyComposed
      bytes = HiddenCharacters.removed(from: Array(text.utf8))
      // Without what stood between them a letter and its accent may compose.
      text = String(decoding: bytes, as: UTF8.self).canonicallyComposed
      bytes = Array(text.utf8)
      if bytes.contains(PageFurniture.pageBreak) {
        bytes = PageFurniture.removed(from: bytes)
        text = String(decoding: bytes, as: UTF8.self)
      }
    }
    guard let collapsed = collapsingBlankLines(bytes) else { return text }
    return String(decoding: collapsed, as: UTF8.self)
  }

  /// The text on one line: clean, with single spaces for white space, and none at the ends.
  package static func cleanLine(_ text: String) -> String {
    clean(text).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// The bytes without blank lines beyond the limit; `nil` when there are none.
  private static func collapsingBlankLines(_ bytes: [UInt8]) -> [UInt8]? {
    var output: [UInt8] = []
    var copied = 0
    var blank = 0
    var lineStart = 0
    var isBlank = true
    for index in 0..<bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\n") {
        blank = isBlank ? blank + 1 : 0
        if blank > maximumBlankLines {
          output += bytes[copied..<lineStart]
          copied = index + 1
        }
        lineStart = index + 1
        isBlank = true
      } else if byte != UInt8(ascii: " ") && byte != UInt8(ascii: "\t") {
        isBlank = false
      }
    }
    guard copied > 0 else { return nil }
    return output + bytes[copied...]
  }
}
