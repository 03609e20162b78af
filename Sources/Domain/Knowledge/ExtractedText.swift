/// A part of a text with a role in its structure.
package struct TextBlock: Hashable, Sendable {
  /// The roles.
  package enum Kind: Hashable, Sendable {
    /// A heading of level 1 to 6.
    case heading(level: Int)
    /// Running text.
    case paragraph
    /// An item of a list.
    case listItem
    /// Preformatted text.
    case code
    /// A table, or a row of one.
    case table
    /// A quotation.
    case quote
    /// A row or an object of data: a passage of its own.
    case record
  }

  /// The role.
  package let kind: Kind
  /// Where it lies in the text, in UTF-8 bytes.
  package let range: Range<Int>

  /// Makes a block.
  package init(kind: Kind, range: Range<Int>) {
    self.kind = kind
    self.range = range
  }
}

/// What extraction makes of a payload: clean text, and its structure as byte ranges.
package struct ExtractedText: Hashable, Sendable {
  /// The text in Unicode NFC, with `\n` line ends and no control characters but tab and line feed.
  package let text: String
  /// The title that the payload names itself, if any.
  package let title: String?
  /// The blocks in order, not overlapping; only white space or markup lies between them.
  package let blocks: [TextBlock]

  /// Where each page begins, in UTF-8 bytes, ascending from 0; empty for what has no pages. A page without text begins
  /// where the next one does.
  package let pageStarts: [Int]

  /// Makes an extracted text; U+0000 is dropped, and the blocks and pages move with what is left.
  package init(text: String, title: String?, blocks: [TextBlock], pageStarts: [Int] = []) {
    self.title = title.map(NullCharacter.dropped(from:))
    guard NullCharacter.isIn(text) else {
      self.text = text
      self.blocks = blocks
      self.pageStarts = pageStarts
      return
    }
    self.text = NullCharacter.dropped(from: text)
    let nulls = text.utf8.enumerated().filter { $0.element == 0 }.map(\.offset)
    let bounds = Self.moved(blocks.flatMap { [$0.range.lowerBound, $0.range.upperBound] }, without: nulls)
    self.blocks = blocks.enumerated().map { index, block in
      TextBlock(kind: block.kind, range: bounds[2 * index]..<bounds[2 * index + 1])
    }
    .filter { !$0.range.isEmpty }
    self.pageStarts = Self.moved(pageStarts, without: nulls)
  }

  /// Where offsets come to lie when the bytes at `dropped` go; both are in order, so one walk counts.
  private static func moved(_ offsets: [Int], without dropped: [Int]) -> [Int] {
    var count = 0
    return offsets.map { offset in
      while count < dropped.count, dropped[count] < offset { count += 1 }
      return offset - count
    }
  }
}
