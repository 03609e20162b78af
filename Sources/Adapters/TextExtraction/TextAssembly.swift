import Domain

/// Puts the text of a payload together from blocks that are found one by one.
struct TextAssembly {
  private var text = ""
  private(set) var blocks: [TextBlock] = []
  private var pageStarts: [Int] = []

  /// The UTF-8 bytes so far.
  var byteCount: Int { text.utf8.count }

  /// Adds a block, cleaned (``TextCleaner``), behind a blank line or, where it goes on with a list or a table, a line
  /// end. White space at its ends is not part of it, but for the indentation of code; nothing is added for a block
  /// without text.
  ///
  /// - Parameter marker: what stands before the text but is not part of the block, such as `- `.
  mutating func add(_ kind: TextBlock.Kind, _ raw: String, marker: String = "") {
    let clean = TextCleaner.clean(raw)
    let bytes = Array(clean.utf8)
    var range = bytes.trimmingWhiteSpace(0..<bytes.count)
    guard !range.isEmpty else { return }
    if kind == .code { range = bytes.lineStart(of: range.lowerBound)..<range.upperBound }
    append(kind, String(decoding: bytes[range], as: UTF8.self), marker: marker)
  }

  /// Adds a block that is clean and has no white space at its ends.
  mutating func append(_ kind: TextBlock.Kind, _ clean: String, marker: String = "") {
    if let last = blocks.last {
      text += last.kind == kind && (kind == .listItem || kind == .table) ? "\n" : "\n\n"
    }
    text += marker
    let start = text.utf8.count
    text += clean
    blocks.append(TextBlock(kind: kind, range: start..<text.utf8.count))
  }

  /// Says that what is added from here on stands on the next page.
  mutating func beginPage() { pageStarts.append(byteCount) }

  /// Adds another text's blocks, without its pages.
  mutating func add(_ other: ExtractedText) {
    guard !other.blocks.isEmpty else { return }
    if !blocks.isEmpty { text += "\n\n" }
    let start = text.utf8.count
    text += other.text
    blocks += other.blocks.map {
      TextBlock(kind: $0.kind, range: ($0.range.lowerBound + start)..<($0.range.upperBound + start))
    }
  }

  /// The text with its blocks.
  func extracted(title: String?) -> ExtractedText {
    let line = title.map(TextCleaner.cleanLine)
    return ExtractedText(text: text, title: line?.isEmpty == false ? line : nil, blocks: blocks, pageStarts: pageStarts)
  }
}
