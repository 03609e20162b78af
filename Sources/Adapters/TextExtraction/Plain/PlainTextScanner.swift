import Domain

/// Finds the paragraphs of plain text: what blank lines part.
enum PlainTextScanner {
  /// The text with its paragraphs, in time linear in its length.
  static func scan(_ text: String) -> ExtractedText {
    let bytes = Array(text.utf8)
    var blocks: [TextBlock] = []
    var paragraph: Range<Int>?
    for line in TextLines(bytes: bytes) {
      let content = bytes.trimmingWhiteSpace(line)
      if content.isEmpty {
        if let range = paragraph { blocks.append(TextBlock(kind: .paragraph, range: range)) }
        paragraph = nil
      } else {
        paragraph = (paragraph?.lowerBound ?? content.lowerBound)..<content.upperBound
      }
    }
    if let range = paragraph { blocks.append(TextBlock(kind: .paragraph, range: range)) }
    return ExtractedText(text: text, title: nil, blocks: blocks)
  }
}

extension [UInt8] {
  /// Where the line begins that an index is in, or `start` when that comes later.
  func lineStart(of index: Int, from start: Int = 0) -> Int {
    var index = index
    while index > start, self[index - 1] != UInt8(ascii: "\n") { index -= 1 }
    return index
  }
}

/// The byte ranges of a text's lines, without their line feeds.
struct TextLines: Sequence, IteratorProtocol {
  let bytes: [UInt8]
  private var start = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func next() -> Range<Int>? {
    guard start < bytes.count else { return nil }
    var end = start
    while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
    defer { start = end + 1 }
    return start..<end
  }
}
