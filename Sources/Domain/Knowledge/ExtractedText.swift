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

  /// Makes an extracted text; U+0000 is dropped, and the blocks move with what is left.
  package init(text: String, title: String?, blocks: [TextBlock]) {
    self.title = title.map(NullCharacter.dropped(from:))
    guard NullCharacter.isIn(text) else {
      self.text = text
      self.blocks = blocks
      return
    }
    self.text = NullCharacter.dropped(from: text)
    let nulls = text.utf8.enumerated().filter { $0.element == 0 }.map(\.offset)
    var dropped = 0
    // The blocks are in order, so one walk counts what goes before each end of them.
    func moved(_ offset: Int) -> Int {
      while dropped < nulls.count, nulls[dropped] < offset { dropped += 1 }
      return offset - dropped
    }
    self.blocks = blocks.map { block in
      let start = moved(block.range.lowerBound)
      return TextBlock(kind: block.kind, range: start..<moved(block.range.upperBound))
    }
    .filter { !$0.range.isEmpty }
  }
}
