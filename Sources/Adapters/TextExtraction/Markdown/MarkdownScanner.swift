import Domain

/// Finds the blocks of Markdown without changing the text.
///
/// A scanner of lines after CommonMark 0.31 with GFM's tables, for structure rather than for rendering: lists and
/// quotations are taken flat, one block an item or paragraph. Front matter, comments, scripts and styles are in no
/// block. A heading's block is its text without the marks, a fence's the lines within.
struct MarkdownScanner {
  private let bytes: [UInt8]
  private var blocks: [TextBlock] = []
  /// The paragraph, item, quotation, code or table that may go on.
  private var open: (kind: TextBlock.Kind, range: Range<Int>)?
  /// Where the last line of `open` began: a table's header may be under a paragraph.
  private var lastLine: MarkdownLine?
  private var inList = false
  private var fence: (mark: UInt8, count: Int)?
  private var invisibleEnd: String?

  /// The text with its blocks, in time linear in its length; the title is the front matter's or the first heading of
  /// level 1.
  static func scan(_ text: String) -> ExtractedText {
    var scanner = MarkdownScanner(bytes: Array(text.utf8))
    let frontMatter = FrontMatter(scanner.bytes)
    for line in TextLines(bytes: scanner.bytes) where line.lowerBound >= frontMatter?.end ?? 0 {
      scanner.read(MarkdownLine(bytes: scanner.bytes, range: line))
    }
    scanner.close()
    let heading = scanner.blocks.first { $0.kind == .heading(level: 1) }
    let title = heading.map { TextCleaner.cleanLine(String(decoding: scanner.bytes[$0.range], as: UTF8.self)) }
    return ExtractedText(text: text, title: frontMatter?.title ?? title, blocks: scanner.blocks)
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private mutating func read(_ line: MarkdownLine) {
    if let fence {
      if line.closes(fence) {
        close()
        self.fence = nil
      } else {
        extend(.code, with: line.range)
      }
      return
    }
    if let end = invisibleEnd {
      if line.contains(end) { invisibleEnd = nil }
      return
    }
    if line.isBlank {
      if open?.kind != .code { close() }
      return
    }
    if open?.kind == .code {
      if line.indentation >= 4 { return extend(.code, with: line.range) }
      close()
    }
    if !readLeaf(line) && !readContainer(line) { readText(line) }
    lastLine = line
  }

  /// Headings, breaks, fences, tables and what is not shown.
  private mutating func readLeaf(_ line: MarkdownLine) -> Bool {
    if open?.kind == .paragraph, let level = line.underline {
      open?.kind = .heading(level: level)
      close()
    } else if let columns = line.columns, startsTable(of: columns) {
      extend(.table, with: line.content)
    } else if line.isThematicBreak {
      close()
      inList = false
    } else if let heading = line.heading {
      close()
      inList = false
      add(.heading(level: heading.level), heading.text)
    } else if let fence = line.fence, line.indentation < 4 || inList {
      close()
      self.fence = fence
    } else if let invisible = line.invisible {
      close()
      if !line.contains(invisible.end, after: invisible.offset) { invisibleEnd = invisible.end }
    } else {
      return false
    }
    return true
  }

  /// List items and quotations.
  private mutating func readContainer(_ line: MarkdownLine) -> Bool {
    if let item = line.listItem, inList || line.indentation < 4, inList || open == nil || item.mayInterrupt {
      close()
      inList = true
      let text = MarkdownLine(bytes: bytes, range: item.text)
      if let fence = text.fence { self.fence = fence } else { extend(.listItem, with: item.text) }
      return true
    }
    guard let quote = line.quote else { return false }
    if quote.isEmpty || open?.kind != .quote { close() }
    inList = false
    extend(.quote, with: quote)
    return true
  }

  private mutating func readText(_ line: MarkdownLine) {
    if let kind = open?.kind {
      extend(kind, with: line.content)
    } else if line.indentation >= 4, !inList {
      extend(.code, with: line.range)
    } else {
      if line.indentation < 2 { inList = false }
      extend(.paragraph, with: line.content)
    }
  }

  /// Whether the line before is the header of a table with so many columns; makes it one.
  private mutating func startsTable(of columns: Int) -> Bool {
    guard open?.kind == .paragraph, let header = lastLine, header.cells == columns,
      open?.range.upperBound == header.content.upperBound
    else { return false }
    if let range = open?.range, range.lowerBound < header.content.lowerBound {
      add(.paragraph, bytes.trimmingWhiteSpace(range.lowerBound..<header.content.lowerBound))
    }
    open = (.table, header.content)
    return true
  }

  private mutating func extend(_ kind: TextBlock.Kind, with range: Range<Int>) {
    guard !range.isEmpty else { return }
    open = (kind, (open?.range.lowerBound ?? range.lowerBound)..<range.upperBound)
  }

  private mutating func close() {
    if let open { add(open.kind, open.range) }
    open = nil
  }

  private mutating func add(_ kind: TextBlock.Kind, _ range: Range<Int>) {
    let isCode = kind == .code
    let content = bytes.trimmingWhiteSpace(range)
    guard !content.isEmpty else { return }
    // The first line of code keeps its indentation.
    blocks.append(
      TextBlock(
        kind: kind,
        range: (isCode ? bytes.lineStart(of: content.lowerBound, from: range.lowerBound) : content.lowerBound)..<content
          .upperBound
      )
    )
  }
}
