import Application
import Domain

/// Reads an e-mail (RFC 5322, MIME): who wrote it to whom and when, its text, and the names of what is attached.
struct EmailReader {
  let limits: ExtractionLimits

  /// Whether the bytes begin with the header of an e-mail: fields, of which two say that it is one.
  static func matches(_ bytes: [UInt8]) -> Bool {
    let names = EmailHeader(bytes.prefix(64 * 1_024)).names
    let telling = ["from", "to", "date", "subject", "message-id", "mime-version", "received", "return-path"]
    return names.contains("from") && names.intersection(telling).count >= 3
  }

  /// The text; the title is the subject.
  ///
  /// - Throws: `.invalid` beyond a limit, `.cancelled`.
  func read(_ bytes: [UInt8]) async throws(ExtractionFailure) -> ExtractedText {
    let header = EmailHeader(bytes[...])
    try header.checkLength()
    var assembly = TextAssembly()
    let people = ["From", "To", "Cc", "Date"].compactMap { name in
      header.text(name.lowercased()).map { "\(name): \($0)" }
    }
    if let subject = header.text("subject") { assembly.add(.heading(level: 1), subject) }
    assembly.add(.paragraph, people.joined(separator: "\n"))
    var walk = Walk(limits: limits)
    try await walk.read(bytes[...], depth: 1)
    for text in walk.texts { assembly.add(text) }
    if !walk.attachments.isEmpty {
      for name in walk.attachments { assembly.add(.listItem, "Attachment: \(name)", marker: "- ") }
    }
    return assembly.extracted(title: header.text("subject"))
  }
}

extension EmailHeader {
  /// - Throws: `.invalid` for a header of more bytes than are read.
  fileprivate func checkLength() throws(ExtractionFailure) {
    if isTooLong { throw .invalid("a header of the e-mail has more than \(Self.maximumBytes) bytes") }
  }
}

/// What the parts of an e-mail hold.
private struct Walk {
  let limits: ExtractionLimits
  var texts: [ExtractedText] = []
  var attachments: [String] = []
  private var parts = 0

  init(limits: ExtractionLimits) { self.limits = limits }

  /// Reads a part with its header.
  mutating func read(_ bytes: ArraySlice<UInt8>, depth: Int) async throws(ExtractionFailure) {
    try checkCancellation()
    parts += 1
    guard parts <= limits.maximumEmailParts else {
      throw .invalid("the e-mail has more than \(limits.maximumEmailParts) parts")
    }
    guard depth <= limits.maximumEmailDepth else {
      throw .invalid("the e-mail nests its parts deeper than \(limits.maximumEmailDepth) levels")
    }
    let header = EmailHeader(bytes)
    try header.checkLength()
    let body = bytes[header.end...]
    let type = header.structured("content-type") ?? ("text/plain", [:])
    let disposition = header.structured("content-disposition")
    let name = disposition?.parameters["filename"] ?? type.parameters["name"]
    if type.value.hasPrefix("multipart/"), let boundary = type.parameters["boundary"], !boundary.isEmpty {
      let pieces = Self.pieces(of: body, boundary: Array(boundary.utf8))
      if type.value == "multipart/alternative" {
        try await readBest(of: pieces, depth: depth + 1)
      } else {
        for piece in pieces { try await read(piece, depth: depth + 1) }
      }
    } else if disposition?.value == "attachment" || !(type.value.hasPrefix("text/") || type.value == "message/rfc822") {
      attachments.append("\(name.map(EncodedWords.decode) ?? "without a name") (\(type.value))")
    } else if type.value == "message/rfc822" {
      try await read(body, depth: depth + 1)
    } else {
      try await readText(body, header: header, type: type)
    }
  }

  /// Of several forms of the same text the plain one, or else the last, which is the richest.
  private mutating func readBest(of pieces: [ArraySlice<UInt8>], depth: Int) async throws(ExtractionFailure) {
    let plain = pieces.first { EmailHeader($0).structured("content-type")?.value == "text/plain" }
    guard let best = plain ?? pieces.last else { return }
    let count = texts.count
    try await read(best, depth: depth)
    // Some programs leave the plain form empty.
    if texts.count == count, plain != nil, let last = pieces.last { try await read(last, depth: depth) }
  }

  private mutating func readText(
    _ body: ArraySlice<UInt8>, header: EmailHeader, type: (value: String, parameters: [String: String])
  ) async throws(ExtractionFailure) {
    let encoding = header.structured("content-transfer-encoding")?.value ?? ""
    let bytes = TransferEncoding.decode(body, named: encoding)
    let text = CharacterSet.decode(bytes, named: type.parameters["charset"] ?? "")
    let extracted: ExtractedText
    switch type.value {
    case "text/html": extracted = try await HTMLReader(limits: limits).read(text)
    default: extracted = PlainTextScanner.scan(TextCleaner.clean(text))
    }
    if !extracted.blocks.isEmpty { texts.append(extracted) }
    try limits.checkText(texts.reduce(0) { $0 + $1.text.utf8.count })
  }

  /// The parts between the lines of a boundary (RFC 2046, section 5.1); what was cut off ends with the bytes.
  private static func pieces(of body: ArraySlice<UInt8>, boundary: [UInt8]) -> [ArraySlice<UInt8>] {
    let mark = [UInt8(ascii: "-"), UInt8(ascii: "-")] + boundary
    var pieces: [ArraySlice<UInt8>] = []
    var start: Int?
    var index = body.startIndex
    while index < body.endIndex {
      let lineEnd = body[index...].firstIndex(of: UInt8(ascii: "\n")) ?? body.endIndex
      let line = body[index..<lineEnd]
      if line.starts(with: mark) {
        let rest = line.dropFirst(mark.count)
        let isEnd = rest.starts(with: Array("--".utf8))
        if isEnd || rest.allSatisfy({ $0 <= 0x20 }) {
          if let start { pieces.append(body[start..<index]) }
          start = isEnd ? nil : min(lineEnd + 1, body.endIndex)
          if isEnd { return pieces }
        }
      }
      index = min(lineEnd + 1, body.endIndex)
    }
    if let start { pieces.append(body[start...]) }
    return pieces
  }
}
