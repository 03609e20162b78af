import Application
import Domain

/// Reads PDF with poppler's `pdftotext`, page by page.
struct PDFReader {
  /// What has to be on the `PATH`.
  static let programs = ["prlimit", "pdftotext", "pdfinfo"]

  let limits: ExtractionLimits

  /// The text in reading order, a paragraph a block, without what repeats at the edges of pages.
  ///
  /// - Throws: `.invalid` for what is broken, encrypted or beyond a limit, `.empty` where no page has text,
  ///   `.unsupported` where the program is missing, `.cancelled`.
  func read(_ bytes: [UInt8]) async throws(ExtractionFailure) -> ExtractedText {
    let tool = ConfinedTool(
      name: "pdftotext", package: "poppler-utils", time: limits.maximumPDFTime, memory: limits.maximumPDFMemory)
    let output = try await tool.run(
      ["-q", "-enc", "UTF-8", "-", "-"], input: bytes, maximumOutput: limits.maximumTextBytes)
    guard output.isSuccess else {
      if bytes.firstRange(of: Array("/Encrypt".utf8)) != nil {
        throw .invalid("the PDF is encrypted: save it without a password")
      }
      throw .invalid("the PDF is broken: it cannot be read")
    }
    var assembly = TextAssembly()
    // Fonts without a proper encoding give bytes that are none either.
    let text = Array(String(decoding: output.bytes, as: UTF8.self).utf8)
    var pages = PageFurniture.pages(of: text)
    // A form feed ends each page, the last too.
    if pages.last?.isEmpty == true { pages.removeLast() }
    for page in pages {
      assembly.beginPage()
      for paragraph in Self.paragraphs(of: page) { assembly.add(.paragraph, paragraph) }
      try checkCancellation()
    }
    guard !assembly.blocks.isEmpty else {
      throw .invalid("the PDF has no text, only images: recognise its text first (OCR)")
    }
    return assembly.extracted(title: try await title(of: bytes))
  }

  /// The title in the file's metadata, unless it is the name of a file, as which many programs put it.
  private func title(of bytes: [UInt8]) async throws(ExtractionFailure) -> String? {
    let tool = ConfinedTool(
      name: "pdfinfo", package: "poppler-utils", time: limits.maximumPDFTime, memory: limits.maximumPDFMemory)
    let output = try await tool.run(["-enc", "UTF-8", "-"], input: bytes, maximumOutput: 1 << 20)
    guard output.isSuccess else { return nil }
    let lines = String(decoding: output.bytes, as: UTF8.self).split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix("Title:") }) else { return nil }
    let title = TextCleaner.cleanLine(String(line.dropFirst("Title:".count)))
    let isName = title.contains { $0 == "/" || $0 == "\\" } || Self.looksLikeFileName(title)
    return title.isEmpty || isName || title.lowercased() == "untitled" ? nil : title
  }

  private static func looksLikeFileName(_ title: String) -> Bool {
    guard let dot = title.lastIndex(of: "."), !title.hasSuffix(".") else { return false }
    let ending = title[title.index(after: dot)...]
    return ending.count <= 5 && ending.allSatisfy { $0.isLetter || $0.isNumber } && ending.contains(where: \.isLetter)
  }

  /// What blank lines part, with words that a line's end cuts put together again.
  static func paragraphs(of page: [UInt8]) -> [String] {
    var paragraphs: [String] = []
    var lines: [ArraySlice<UInt8>] = []
    for line in page.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) + [[]] {
      if line.contains(where: { $0 > 0x20 }) {
        lines.append(line)
      } else if !lines.isEmpty {
        paragraphs.append(joined(lines))
        lines = []
      }
    }
    return paragraphs
  }

  /// A hyphen at a line's end goes when small letters stand on both sides: "exam-" and "ple" are "example".
  private static func joined(_ lines: [ArraySlice<UInt8>]) -> String {
    var bytes: [UInt8] = []
    for line in lines {
      let isCut =
        bytes.count >= 2 && bytes[bytes.count - 1] == UInt8(ascii: "-") && isSmall(bytes[bytes.count - 2])
        && line.first.map(isSmall) == true
      if isCut { bytes.removeLast() } else if !bytes.isEmpty { bytes.append(UInt8(ascii: "\n")) }
      bytes += line
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func isSmall(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || byte >= 0x80 }
}
