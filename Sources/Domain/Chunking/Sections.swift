/// Blocks under one path of headings; chunks never reach over its end.
struct Section {
  /// The longest heading that a chunk remembers, in characters.
  static let maximumHeadingLength = 200

  /// The headings above, outermost first, the section's own last.
  var headings: [String] = []
  /// The section's own headings, then its other blocks.
  var blocks: [TextBlock] = []

  /// Cuts a text's blocks into sections.
  ///
  /// A heading opens a section, but one that directly follows a higher one joins it: a title alone is no passage. A
  /// record is a section of its own.
  static func sections(of text: ExtractedText, bytes: [UInt8]) -> [Section] {
    var sections: [Section] = []
    var current = Section()
    var path: [(level: Int, text: String)] = []
    for block in text.blocks {
      if block.kind == .record {
        if !current.blocks.isEmpty { sections.append(current) }
        sections.append(Section(headings: path.map(\.text), blocks: [block]))
        current = Section(headings: path.map(\.text))
        continue
      }
      guard case .heading(let level) = block.kind else {
        current.blocks.append(block)
        continue
      }
      if !current.opens(to: level) {
        sections.append(current)
        current = Section()
      }
      while let last = path.last, last.level >= level { path.removeLast() }
      path.append((level, title(bytes[block.range])))
      current.blocks.append(block)
      current.headings = path.map(\.text)
    }
    if !current.blocks.isEmpty { sections.append(current) }
    return sections
  }

  /// Whether a heading of this level may still join: nothing yet but higher headings.
  private func opens(to level: Int) -> Bool {
    guard let last = blocks.last else { return true }
    if case .heading(let above) = last.kind { return above < level }
    return false
  }

  /// A heading on one line, cut to ``maximumHeadingLength``.
  private static func title(_ bytes: ArraySlice<UInt8>) -> String {
    let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    return String(words.joined(separator: " ").prefix(maximumHeadingLength))
  }
}
