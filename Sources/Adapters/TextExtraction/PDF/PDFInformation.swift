import Application
import Domain

/// What poppler's `pdfinfo` and `pdfimages` say of a PDF.
enum PDFInformation {
  /// How many pages there are, and the longer sides of those asked for, in points.
  struct PageSizes {
    let count: Int
    let longerSides: [Double]
  }

  /// The title in the file's metadata, unless it is the name of a file, as which many programs put it.
  static func title(of bytes: [UInt8], limits: ExtractionLimits) async throws(ExtractionFailure) -> String? {
    guard let lines = try await lines(of: bytes, [], limits: limits) else { return nil }
    guard let line = lines.first(where: { $0.hasPrefix("Title:") }) else { return nil }
    let title = TextCleaner.cleanLine(String(line.dropFirst("Title:".count)))
    let isName = title.contains { $0 == "/" || $0 == "\\" } || looksLikeFileName(title)
    return title.isEmpty || isName || title.lowercased() == "untitled" ? nil : title
  }

  /// The sizes of the first pages, as many as `most`; `nil` when the file cannot be read.
  static func pageSizes(
    of bytes: [UInt8], upTo most: Int, limits: ExtractionLimits
  ) async throws(ExtractionFailure) -> PageSizes? {
    guard let lines = try await lines(of: bytes, ["-f", "1", "-l", "\(most)"], limits: limits) else { return nil }
    var (count, sides) = (0, [Double]())
    for words in lines.map({ $0.split(separator: " ") }) {
      // "Pages: 2" and "Page    1 size:  595 x 842 pts (A4)"
      if words.count == 2, words[0] == "Pages:", let number = Int(words[1]) { count = number }
      if words.count >= 6, words[0] == "Page", words[2] == "size:", let one = Double(words[3]),
        let other = Double(words[5]), one.isFinite, other.isFinite
      {
        sides.append(max(one, other))
      }
    }
    guard count > 0, sides.count == min(count, most) else { return nil }
    return PageSizes(count: count, longerSides: sides)
  }

  /// The numbers of the pages, of those asked for, on which there are pictures.
  static func picturedPages(
    of bytes: [UInt8], from first: Int, to last: Int, limits: ExtractionLimits
  ) async throws(ExtractionFailure) -> Set<Int> {
    let tool = ConfinedTool(
      name: "pdfimages", package: "poppler-utils", time: limits.maximumPDFTime, memory: limits.maximumPDFMemory)
    let output = try await tool.run(
      ["-list", "-f", "\(first)", "-l", "\(last)", "-"], input: bytes, maximumOutput: 64 << 20)
    guard output.isSuccess else { throw .invalid("the PDF is broken: its pictures cannot be listed") }
    // "   1     0 image    1654  2339  gray …" below two lines of headings; a scan in black and white may be a stencil.
    var pages: Set<Int> = []
    for line in output.bytes.split(separator: UInt8(ascii: "\n")) {
      let number = line.split(separator: UInt8(ascii: " "), maxSplits: 1).first
      guard let number, let page = Int(String(decoding: number, as: UTF8.self)) else { continue }
      pages.insert(page)
    }
    return pages
  }

  private static func lines(
    of bytes: [UInt8], _ options: [String], limits: ExtractionLimits
  ) async throws(ExtractionFailure) -> [Substring]? {
    let tool = ConfinedTool(
      name: "pdfinfo", package: "poppler-utils", time: limits.maximumPDFTime, memory: limits.maximumPDFMemory)
    let output = try await tool.run(["-enc", "UTF-8"] + options + ["-"], input: bytes, maximumOutput: 4 << 20)
    return output.isSuccess ? String(decoding: output.bytes, as: UTF8.self).split(separator: "\n") : nil
  }

  private static func looksLikeFileName(_ title: String) -> Bool {
    guard let dot = title.lastIndex(of: "."), !title.hasSuffix(".") else { return false }
    let ending = title[title.index(after: dot)...]
    return ending.count <= 5 && ending.allSatisfy { $0.isLetter || $0.isNumber } && ending.contains(where: \.isLetter)
  }
}
