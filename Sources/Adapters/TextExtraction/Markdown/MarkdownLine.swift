import Domain

/// One line of Markdown, looked at by itself: what it would begin (CommonMark 0.31 and GFM's tables).
struct MarkdownLine {
  let bytes: [UInt8]
  /// The line without its line feed.
  let range: Range<Int>
  /// The line without white space at its ends.
  let content: Range<Int>
  /// The width of the white space before the content; a tab reaches to the next multiple of four.
  let indentation: Int

  init(bytes: [UInt8], range: Range<Int>) {
    self.bytes = bytes
    self.range = range
    content = bytes.trimmingWhiteSpace(range)
    var column = 0
    for byte in bytes[range.lowerBound..<content.lowerBound] {
      column += byte == UInt8(ascii: "\t") ? 4 - column % 4 : 1
    }
    indentation = column
  }

  var isBlank: Bool { content.isEmpty }

  private func byte(_ offset: Int) -> UInt8? {
    let index = content.lowerBound + offset
    return index < content.upperBound ? bytes[index] : nil
  }

  private func isBlank(_ offset: Int) -> Bool {
    guard let byte = byte(offset) else { return true }
    return byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }

  /// How often the content's first byte stands at its beginning.
  private var run: Int {
    guard let first = byte(0) else { return 0 }
    var count = 1
    while byte(count) == first { count += 1 }
    return count
  }

  /// A heading with `#`: its level and where its text lies, without the marks on both sides.
  var heading: (level: Int, text: Range<Int>)? {
    guard indentation < 4, byte(0) == UInt8(ascii: "#"), (1...6).contains(run), isBlank(run) else { return nil }
    let level = run
    var text = bytes.trimmingWhiteSpace((content.lowerBound + level)..<content.upperBound)
    var end = text.upperBound
    while end > text.lowerBound, bytes[end - 1] == UInt8(ascii: "#") { end -= 1 }
    if end == text.lowerBound || bytes[end - 1] == UInt8(ascii: " ") || bytes[end - 1] == UInt8(ascii: "\t") {
      text = bytes.trimmingWhiteSpace(text.lowerBound..<end)
    }
    return (level, text)
  }

  /// The level of the heading whose text is above this underline.
  var underline: Int? {
    guard indentation < 4, run == content.count else { return nil }
    switch byte(0) {
    case UInt8(ascii: "="): return 1
    case UInt8(ascii: "-"): return 2
    default: return nil
    }
  }

  /// Three or more `*`, `-` or `_` and nothing else but blanks.
  var isThematicBreak: Bool {
    guard indentation < 4, let mark = byte(0), [0x2A, 0x2D, 0x5F].contains(mark) else { return false }
    var count = 0
    for byte in bytes[content] where byte != UInt8(ascii: " ") && byte != UInt8(ascii: "\t") {
      guard byte == mark else { return false }
      count += 1
    }
    return count >= 3
  }

  /// The beginning of fenced code: the mark and how many there are.
  var fence: (mark: UInt8, count: Int)? {
    guard let mark = byte(0), mark == UInt8(ascii: "`") || mark == UInt8(ascii: "~"), run >= 3 else { return nil }
    let info = bytes[(content.lowerBound + run)..<content.upperBound]
    return mark == UInt8(ascii: "`") && info.contains(mark) ? nil : (mark, run)
  }

  /// Whether it closes a fence.
  func closes(_ fence: (mark: UInt8, count: Int)) -> Bool {
    byte(0) == fence.mark && run == content.count && run >= fence.count
  }

  /// A list item: where its text lies, and whether it may follow a paragraph without a blank line.
  var listItem: (text: Range<Int>, mayInterrupt: Bool)? {
    var length = 1
    var interrupts = true
    switch byte(0) {
    case UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "+"): break
    case .some(0x30...0x39):
      while length < 9, let digit = byte(length), (0x30...0x39).contains(digit) { length += 1 }
      guard let mark = byte(length), mark == UInt8(ascii: ".") || mark == UInt8(ascii: ")") else { return nil }
      interrupts = length == 1 && byte(0) == UInt8(ascii: "1")
      length += 1
    default: return nil
    }
    guard isBlank(length) else { return nil }
    var text = bytes.trimmingWhiteSpace((content.lowerBound + length)..<content.upperBound)
    let boxes = ["[ ] ", "[x] ", "[X] "].map { Array($0.utf8) }
    if boxes.contains(where: { bytes[text].starts(with: $0) }) {
      text = bytes.trimmingWhiteSpace((text.lowerBound + 4)..<text.upperBound)
    }
    return (text, interrupts && !text.isEmpty)
  }

  /// A quotation: where the text behind its `>` marks lies.
  var quote: Range<Int>? {
    guard indentation < 4, byte(0) == UInt8(ascii: ">") else { return nil }
    var start = content.lowerBound
    while start < content.upperBound, [UInt8(ascii: ">"), UInt8(ascii: " "), UInt8(ascii: "\t")].contains(bytes[start])
    {
      start += 1
    }
    return start..<content.upperBound
  }

  /// How many cells a row of a table has; `nil` without a `|`.
  var cells: Int? {
    var count = 1
    var index = content.lowerBound
    while index < content.upperBound {
      if bytes[index] == UInt8(ascii: "\\") {
        index += 1
      } else if bytes[index] == UInt8(ascii: "|") {
        count += 1
      }
      index += 1
    }
    guard count > 1 else { return nil }
    if byte(0) == UInt8(ascii: "|") { count -= 1 }
    if content.count > 1, bytes[content.upperBound - 1] == UInt8(ascii: "|") { count -= 1 }
    return count
  }

  /// How many columns the line under a table's header declares; `nil` when it is no such line.
  var columns: Int? {
    guard let cells, bytes[content].contains(UInt8(ascii: "-")) else { return nil }
    let allowed: Set<UInt8> = [0x20, 0x09, 0x2D, 0x3A, 0x7C]
    return bytes[content].allSatisfy(allowed.contains) ? cells : nil
  }

  /// What ends the comment, script or style that begins here, which no reader sees.
  var invisible: (end: String, offset: Int)? {
    guard indentation < 4, byte(0) == UInt8(ascii: "<") else { return nil }
    let start = String(decoding: bytes[content].prefix(8), as: UTF8.self).lowercased()
    if start.hasPrefix("<!--") { return ("-->", 4) }
    if start.hasPrefix("<script") { return ("</script>", 7) }
    if start.hasPrefix("<style") { return ("</style>", 6) }
    return nil
  }

  /// Whether the text is in the line, in either case, behind `offset` bytes of content.
  func contains(_ text: String, after offset: Int = 0) -> Bool {
    let rest = bytes[content].dropFirst(offset).map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    return rest.firstRange(of: Array(text.utf8)) != nil
  }
}
