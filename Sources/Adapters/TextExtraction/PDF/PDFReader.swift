import Application
import Domain

/// Reads PDF with poppler's `pdftotext`, page by page; scanned pages, which have no text but a picture, are recognised where
/// OCR is on.
struct PDFReader {
  /// What has to be on the `PATH`.
  static let programs = ["prlimit", "pdftotext", "pdfinfo"]

  let limits: ExtractionLimits
  let ocr: OCRSettings

  /// The text in reading order, a paragraph a block, without what repeats at the edges of pages.
  ///
  /// - Throws: `.invalid` for what is broken, encrypted or beyond a limit, or where nothing is recognised,
  ///   `.unsupported` where a program is missing or no page has text and OCR is off, `.cancelled`.
  func read(_ bytes: [UInt8]) async throws(ExtractionFailure) -> ExtractedText {
    let layer = try await layer(of: bytes)
    let recogniser = TextRecogniser(settings: ocr, limits: limits)
    var assembly = try PagedText.assembly(of: layer, limits: limits)
    if assembly.blocks.isEmpty {
      assembly = try PagedText.assembly(of: try await recogniser.read(pdf: bytes), limits: limits)
    } else if ocr.isOn {
      let scanned = try await scannedPages(layer, bytes)
      if !scanned.isEmpty {
        let recognised = try await recogniser.read(pages: scanned, of: bytes)
        assembly = try PagedText.assembly(of: Self.layer(layer, with: recognised), limits: limits)
      }
    }
    guard !assembly.blocks.isEmpty else { throw .invalid("no text was recognised in the PDF, which has no text layer") }
    return assembly.extracted(title: try await PDFInformation.title(of: bytes, limits: limits))
  }

  /// The numbers of the pages that have a picture, and no text but what repeats at the edges of pages; ascending.
  private func scannedPages(_ layer: [UInt8], _ bytes: [UInt8]) async throws(ExtractionFailure) -> [Int] {
    let pages = PageFurniture.pages(of: layer)
    let empty = pages.indices.filter { index in !pages[index].contains { $0 > 0x20 } }.map { $0 + 1 }
    // Behind the form feed of the last page is nothing.
    guard let first = empty.first, let last = empty.last, first < pages.count else { return [] }
    let pictured = try await PDFInformation.picturedPages(
      of: bytes, from: first, to: min(last, pages.count - 1), limits: limits)
    return empty.filter(pictured.contains)
  }

  /// The text layer with what was recognised on pages in their places.
  static func layer(_ layer: [UInt8], with recognised: [Int: [UInt8]]) -> [UInt8] {
    let pages = layer.split(separator: PageFurniture.pageBreak, omittingEmptySubsequences: false)
    return Array(
      pages.enumerated().map { index, page in recognised[index + 1] ?? Array(page) }
        .joined(separator: [PageFurniture.pageBreak]))
  }

  /// The text that the file has itself, with a form feed behind each page.
  private func layer(of bytes: [UInt8]) async throws(ExtractionFailure) -> [UInt8] {
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
    return output.bytes
  }
}
