import Application
import Domain

/// The formats that are read.
enum PayloadFormat: Hashable {
  case plainText
  case markdown
  case reStructuredText
  case html
  case sourceCode(MediaType)
  case delimited(by: UInt8?)
  case jsonLines
  case email
  case pdf
  case picture(PictureFormat)
  case docx

  /// What can be read, for messages.
  static let known = "text, Markdown, reStructuredText, HTML, PDF, DOCX, CSV, JSON Lines, e-mail and source code are"

  /// The media type that the format has.
  var mediaType: MediaType {
    switch self {
    case .plainText: .plainText
    case .markdown: .markdown
    case .reStructuredText: MediaType("text/x-rst")
    case .html: .html
    case .sourceCode(let type): type
    case .delimited(let delimiter):
      MediaType(delimiter == UInt8(ascii: "\t") ? "text/tab-separated-values" : "text/csv")
    case .jsonLines: MediaType("application/x-ndjson")
    case .email: MediaType("message/rfc822")
    case .pdf: MediaType("application/pdf")
    case .picture(let picture): picture.mediaType
    case .docx: MediaType("application/vnd.openxmlformats-officedocument.wordprocessingml.document")
    }
  }

  /// Finds out what a payload is: by its bytes, then by its media type, then by its file name. What only a name or a
  /// type says has to be what the bytes can be.
  ///
  /// - Throws: `.unsupported`, with the name of the format, for what is not text or not of a type that is read.
  init(of payload: Payload) throws(ExtractionFailure) {
    if let picture = PictureFormat(payload.bytes) {
      self = .picture(picture)
      return
    }
    if let signature = BinarySignature.name(of: payload.bytes) {
      switch signature {
      case "PDF": self = .pdf
      case "DOCX": self = .docx
      default: throw .unsupported("\(signature) is not read here; \(Self.known)")
      }
      return
    }
    if Self.beginsAsHTML(payload.bytes) {
      self = .html
      return
    }
    let byName = payload.fileName.flatMap(Self.fileExtension).flatMap { Self.formats[$0] }
    guard let found = Self.format(of: payload.mediaType.name, byName: byName, payload.bytes) else {
      throw .unsupported("the type \(payload.mediaType) is not read here; \(Self.known)")
    }
    self = found
  }

  private static func format(of type: String, byName: PayloadFormat?, _ bytes: [UInt8]) -> PayloadFormat? {
    switch type {
    case "text/html", "application/xhtml+xml": return .html
    case "text/markdown", "text/x-markdown": return .markdown
    case "text/x-rst", "text/prs.fallenstein.rst": return .reStructuredText
    case "text/csv": return .delimited(by: nil)
    case "text/tab-separated-values": return .delimited(by: UInt8(ascii: "\t"))
    case "application/x-ndjson", "application/jsonl", "application/x-jsonlines", "application/jsonlines":
      return .jsonLines
    case "message/rfc822": return .email
    case "text/plain": return byName ?? guess(bytes, isNamed: true) ?? .plainText
    case "", MediaType.unknown.name: return byName ?? guess(bytes, isNamed: false) ?? .plainText
    default: return isText(type) ? byName ?? .plainText : nil
    }
  }

  /// What nothing but the bytes tells; Markdown only where nothing says that the text is plain.
  private static func guess(_ bytes: [UInt8], isNamed: Bool) -> PayloadFormat? {
    if EmailReader.matches(bytes) { return .email }
    if JSONLines.matches(bytes) { return .jsonLines }
    if bytes.starts(with: Array("#!/".utf8)) { return .sourceCode(MediaType("text/x-shellscript")) }
    return !isNamed && looksLikeMarkdown(bytes) ? .markdown : nil
  }

  /// The formats by the extensions of file names.
  private static let formats: [String: PayloadFormat] = {
    var formats = SourceCodeScanner.mediaTypes.mapValues { PayloadFormat.sourceCode(MediaType($0)) }
    for name in ["md", "markdown", "mdown", "mkd"] { formats[name] = .markdown }
    for name in ["html", "htm", "xhtml"] { formats[name] = .html }
    for name in ["txt", "text", "log"] { formats[name] = .plainText }
    for name in ["jsonl", "ndjson"] { formats[name] = .jsonLines }
    formats["rst"] = .reStructuredText
    formats["csv"] = .delimited(by: nil)
    formats["tsv"] = .delimited(by: UInt8(ascii: "\t"))
    formats["eml"] = .email
    return formats
  }()

  private static func fileExtension(_ name: String) -> String? {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return nil }
    return name[name.index(after: dot)...].lowercased()
  }

  /// Whether files with such a name are read for what they are called.
  static func isKnown(name: String) -> Bool {
    let file = name.split(separator: "/").last.map(String.init) ?? name
    return fileExtension(file).map { formats[$0] != nil || $0 == "pdf" || $0 == "docx" } ?? false
  }

  private static func isText(_ name: String) -> Bool {
    name.hasPrefix("text/") || name.hasSuffix("+json") || name.hasSuffix("+xml")
      || [
        "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml",
        "application/javascript", "application/x-sh", "application/sql",
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
