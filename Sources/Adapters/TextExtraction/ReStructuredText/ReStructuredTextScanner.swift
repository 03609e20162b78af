import Domain

/// Finds the blocks of reStructuredText: the source stays as it is, as that of Markdown does.
///
/// Section titles are lines with a line of punctuation below, or below and above; the order in which these adornments
/// first come is the order of their levels. Literal blocks and what directives hold that are code are code; comments,
/// targets and the options of directives are in no block.
struct ReStructuredTextScanner {
  private let bytes: [UInt8]
  private let lines: [Range<Int>]
  private var blocks: [TextBlock] = []
  private var adornments: [[UInt8]] = []
  private var title: String?
  private var index = 0

  /// The text with its blocks, in time linear in its length.
  static func scan(_ text: String) -> ExtractedText {
    var scanner = ReStructuredTextScanner(text)
    while scanner.index < scanner.lines.count { scanner.readBlock() }
    return ExtractedText(text: text, title: scanner.title, blocks: scanner.blocks)
  }

  private init(_ text: String) {
    bytes = Array(text.utf8)
    lines = Array(TextLines(bytes: bytes))
  }

  private mutating func readBlock() {
    if content(index).isEmpty {
      index += 1
    } else if !readTitle(), !readMarkup(), !readTable() {
      readText()
    }
  }

  /// A title with its adornment.
  private mutating func readTitle() -> Bool {
    let hasOverline = adornment(index) != nil
    let titleLine = hasOverline ? index + 1 : index
    guard titleLine + 1 < lines.count, let below = adornment(titleLine + 1), adornment(titleLine) == nil else {
      guard hasOverline else { return false }
      // A line of punctuation by itself parts what is above from what is below.
      guard content(index).count >= 4, isBlank(index - 1), isBlank(index + 1) else { return false }
      index += 1
      return true
    }
    let text = content(titleLine)
    let width = String(decoding: bytes[text], as: UTF8.self).count
    guard !text.isEmpty, hasOverline ? adornment(index) == below : indentation(titleLine) == 0,
      content(titleLine + 1).count >= min(width, 4)
    else { return false }
    let key = hasOverline ? [below, below] : [below]
    if !adornments.contains(key) { adornments.append(key) }
    let level = min((adornments.firstIndex(of: key) ?? 0) + 1, 6)
    blocks.append(TextBlock(kind: .heading(level: level), range: text))
    if title == nil { title = String(decoding: bytes[text], as: UTF8.self) }
    index = titleLine + 2
    return true
  }

  /// What begins with two dots: directives, comments, targets.
  private mutating func readMarkup() -> Bool {
    let line = bytes[content(index)]
    guard line.starts(with: Array("..".utf8)), line.count == 2 || line.dropFirst(2).first == 0x20 else { return false }
    let own = indentation(index)
    let text = String(decoding: line, as: UTF8.self)
    let isDirective = text.contains("::")
    let isCode = ["code", "code-block", "sourcecode", "parsed-literal", "math", "literalinclude"].contains { name in
      text.hasPrefix(".. \(name)::")
    }
    index += 1
    let isSilent =
      !isDirective
      || ["raw", "image", "toctree", "contents", "include", "index"].contains { name in
        text.hasPrefix(".. \(name)::")
      }
    if isDirective {
      // Options stand right below.
      while index < lines.count, indentation(index) > own, bytes[content(index)].first == UInt8(ascii: ":") {
        index += 1
      }
    }
    guard isCode || isSilent else { return true }
    let body = indented(beyond: own)
    if isCode { add(.code, body) }
    return true
  }

  /// A grid table or a simple one, up to the next blank line behind its last border.
  private mutating func readTable() -> Bool {
    let line = bytes[content(index)]
    let isGrid = line.starts(with: Array("+-".utf8)) && line.last == UInt8(ascii: "+")
    let isSimple = line.count >= 7 && line.allSatisfy { $0 == UInt8(ascii: "=") || $0 == 0x20 } && line.contains(0x20)
    guard isGrid || isSimple else { return false }
    let start = index
    while index < lines.count, !content(index).isEmpty { index += 1 }
    add(.table, start..<index)
    return true
  }

  /// A paragraph, an item of a list or a quotation, and the literal block that it announces.
  private mutating func readText() {
    let start = index
    let item = itemMarker(bytes[content(index)])
    let own = indentation(index)
    index += 1
    while index < lines.count, !content(index).isEmpty, itemMarker(bytes[content(index)]) == 0 || item == 0 {
      index += 1
    }
    let last = content(index - 1)
    let announces = bytes[last].suffix(2).elementsEqual(Array("::".utf8))
    if item > 0 {
      let first = content(start)
      append(.listItem, (first.lowerBound + item)..<last.upperBound)
    } else {
      append(own > 0 ? .quote : .paragraph, content(start).lowerBound..<last.upperBound)
    }
    if announces { add(.code, indented(beyond: own)) }
  }

  /// How many bytes the marker of a list's item takes; 0 when there is none.
  private func itemMarker(_ line: ArraySlice<UInt8>) -> Int {
    if let first = line.first, ["-", "*", "+"].map({ UInt8(ascii: $0) }).contains(first), line.dropFirst().first == 0x20
    {
      return 2
    }
    let digits = line.prefix(9).prefix { (0x30...0x39).contains($0) || $0 == UInt8(ascii: "#") }.count
    let rest = line.dropFirst(digits)
    guard digits > 0, rest.first == UInt8(ascii: ".") || rest.first == UInt8(ascii: ")"), rest.dropFirst().first == 0x20
    else { return 0 }
    return digits + 2
  }

  /// The lines that are indented more, and the blank ones among them.
  private mutating func indented(beyond own: Int) -> Range<Int> {
    let start = index
    while index < lines.count, content(index).isEmpty || indentation(index) > own { index += 1 }
    return start..<index
  }

  private mutating func add(_ kind: TextBlock.Kind, _ range: Range<Int>) {
    let filled = range.filter { !content($0).isEmpty }
    guard let first = filled.first, let last = filled.last else { return }
    append(kind, (kind == .code ? lines[first].lowerBound : content(first).lowerBound)..<content(last).upperBound)
  }

  private mutating func append(_ kind: TextBlock.Kind, _ range: Range<Int>) {
    if !range.isEmpty { blocks.append(TextBlock(kind: kind, range: range)) }
  }

  private func content(_ line: Int) -> Range<Int> { bytes.trimmingWhiteSpace(lines[line]) }

  private func isBlank(_ line: Int) -> Bool { !lines.indices.contains(line) || content(line).isEmpty }

  private func indentation(_ line: Int) -> Int { content(line).lowerBound - lines[line].lowerBound }

  /// The character that a line repeats, when it is an adornment.
  private func adornment(_ line: Int) -> UInt8? {
    guard lines.indices.contains(line), indentation(line) == 0, let first = bytes[content(line)].first,
      content(line).count >= 2, bytes[content(line)].allSatisfy({ $0 == first }),
      (0x21...0x2F).contains(first) || (0x3A...0x40).contains(first) || (0x5B...0x60).contains(first)
        || (0x7B...0x7E).contains(first)
    else { return nil }
    return first
  }
}
