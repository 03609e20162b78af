import Application
import Domain

/// The kinds of text that are read.
enum PayloadFormat: Hashable {
  case plainText
  case markdown
  case html

  /// The media type that the format has.
  var mediaType: MediaType {
    switch self {
    case .plainText: .plainText
    case .markdown: .markdown
    case .html: .html
    }
  }

  /// Finds out what a payload is: by its first bytes, then by its media type, then by its file name.
  ///
  /// - Throws: `.unsupported`, with the name of the format, for what is not text or not of a type that is read.
  init(of payload: Payload) throws(ExtractionFailure) {
    if let name = BinarySignature.name(of: payload.bytes) {
      throw .unsupported("\(name) is not read here; plain text, Markdown and HTML are")
    }
    if Self.beginsAsHTML(payload.bytes) {
      self = .html
      return
    }
    let extensionName = payload.fileName.flatMap(Self.fileExtension) ?? ""
    let byName: PayloadFormat? =
      switch extensionName {
      case "md", "markdown", "mdown", "mkd": .markdown
      case "html", "htm", "xhtml": .html
      case "txt", "text", "log", "rst", "csv", "tsv": .plainText
      default: nil
      }
    switch payload.mediaType.name {
    case "text/html", "application/xhtml+xml": self = .html
    case "text/markdown", "text/x-markdown": self = .markdown
    case "text/plain": self = byName == .markdown ? .markdown : .plainText
    case "", MediaType.unknown.name: self = byName ?? (Self.looksLikeMarkdown(payload.bytes) ? .markdown : .plainText)
    case let name where Self.isText(name): self = byName ?? .plainText
    default:
      throw .unsupported("the type \(payload.mediaType) is not read here; plain text, Markdown and HTML are")
    }
  }

  private static func fileExtension(_ name: String) -> String? {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return nil }
    return name[name.index(after: dot)...].lowercased()
  }

  private static func isText(_ name: String) -> Bool {
    name.hasPrefix("text/") || name.hasSuffix("+json") || name.hasSuffix("+xml")
      || [
        "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml",
        "application/x-ndjson", "application/javascript", "application/x-sh", "application/sql",
      ].contains(name)
  }

  /// Whether the bytes begin with a doctype or an opening tag of HTML, behind white space, comments and an XML
  /// declaration (the signatures of the WHATWG's MIME Sniffing Standard, section 7.1, of which these are the sure
  /// ones).
  static func beginsAsHTML(_ bytes: [UInt8]) -> Bool {
    // A UTF-16 page has a zero byte between its ASCII characters.
    var head = Array(bytes.prefix(4_096).filter { $0 != 0 }[...])
    if head.starts(with: [0xEF, 0xBB, 0xBF]) { head.removeFirst(3) }
    if head.starts(with: [0xFE, 0xFF]) || head.starts(with: [0xFF, 0xFE]) { head.removeFirst(2) }
    var rest = head[...]
    while true {
      rest = rest.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
      if rest.starts(with: Array("<!--".utf8)), let end = rest.firstRange(of: Array("-->".utf8)) {
        rest = rest[end.upperBound...]
      } else if rest.starts(with: Array("<?xml".utf8)), let end = rest.firstIndex(of: UInt8(ascii: ">")) {
        rest = rest[(end + 1)...]
      } else {
        break
      }
    }
    return ["<!doctype html", "<html", "<head", "<body"].contains { tag in
      let start = rest.prefix(tag.utf8.count).map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
      guard start == Array(tag.utf8), let next = rest.dropFirst(tag.utf8.count).first else { return false }
      return next == UInt8(ascii: ">") || next <= 0x20
    }
  }

  /// Whether one of the first lines is a heading or a code fence, so that text without a type is taken as Markdown.
  private static func looksLikeMarkdown(_ bytes: [UInt8]) -> Bool {
    bytes.prefix(64 * 1_024).split { $0 == 0x0A || $0 == 0x0D }.contains { line in
      let marks = line.prefix { $0 == UInt8(ascii: "#") }.count
      if (1...6).contains(marks), line.dropFirst(marks).first == 0x20 { return true }
      return line.starts(with: Array("```".utf8))
    }
  }
}
