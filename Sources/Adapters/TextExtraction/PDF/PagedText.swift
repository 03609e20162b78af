import Application
import Domain

/// Text as programs print it page by page, with form feeds between or behind the pages.
enum PagedText {
  /// Puts the paragraphs together, without what repeats at the edges of pages.
  ///
  /// - Throws: `.invalid` for more pages than allowed, `.cancelled`.
  static func assembly(of output: [UInt8], limits: ExtractionLimits) throws(ExtractionFailure) -> TextAssembly {
    // Fonts without a proper encoding give bytes that are none either.
    let text = Array(String(decoding: output, as: UTF8.self).utf8)
    var pages = PageFurniture.pages(of: text)
    // A form feed may end each page, the last too.
    if pages.last?.isEmpty == true { pages.removeLast() }
    guard pages.count <= limits.maximumPages else {
      throw .invalid("it has \(pages.count) pages; the limit is \(limits.maximumPages): split the document")
    }
    var assembly = TextAssembly()
    for page in pages {
      assembly.beginPage()
      for paragraph in paragraphs(of: page) { assembly.add(.paragraph, paragraph) }
      try checkCancellation()
    }
    return assembly
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
