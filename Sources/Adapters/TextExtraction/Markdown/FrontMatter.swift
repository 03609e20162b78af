import Domain

/// The metadata that static site generators keep above a Markdown text, in YAML between `---` or in TOML between `+++`.
struct FrontMatter {
  /// What its `title` says.
  let title: String?
  /// Where the text begins behind it, in UTF-8 bytes.
  let end: Int

  /// The longest that is looked at: metadata, not a text that happens to begin with a thematic break.
  private static let maximumBytes = 64 * 1024

  /// Reads the front matter that a text begins with; `nil` when there is none or it is not closed.
  init?(_ bytes: [UInt8]) {
    var lines = TextLines(bytes: bytes)
    guard let first = lines.next() else { return nil }
    let fence = Self.text(bytes, first)
    guard fence == "---" || fence == "+++" else { return nil }
    var title: String?
    while let line = lines.next(), line.upperBound <= Self.maximumBytes {
      let text = Self.text(bytes, line)
      if text == fence || (fence == "---" && text == "...") {
        self.title = title
        end = line.upperBound
        return
      }
      // Neither format has a line that is no entry, comment, list item or continuation at its start.
      if title == nil { title = Self.value(of: "title", in: text, separator: fence == "---" ? ":" : "=") }
    }
    return nil
  }

  private static func text(_ bytes: [UInt8], _ line: Range<Int>) -> String {
    String(decoding: bytes[bytes.trimmingWhiteSpace(line)], as: UTF8.self)
  }

  private static func value(of key: String, in line: String, separator: Character) -> String? {
    guard let mark = line.firstIndex(of: separator), line[..<mark].filter({ !$0.isWhitespace }) == key else {
      return nil
    }
    var value = TextCleaner.cleanLine(String(line[line.index(after: mark)...]))
    if value.count >= 2, let quote = value.first, quote == value.last, quote == "\"" || quote == "'" {
      value = String(value.dropFirst().dropLast())
    }
    return value.isEmpty ? nil : value
  }
}
