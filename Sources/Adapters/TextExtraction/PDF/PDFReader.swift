import Application
import Domain

/// Reads PDF with poppler's `pdftotext`, page by page; one without a text layer by recognising its pages.
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
    var assembly = try PagedText.assembly(of: try await layer(of: bytes), limits: limits)
    if assembly.blocks.isEmpty {
      let text = try await TextRecogniser(settings: ocr, limits: limits).read(pdf: bytes)
      assembly = try PagedText.assembly(of: text, limits: limits)
    }
    guard !assembly.blocks.isEmpty else { throw .invalid("no text was recognised in the PDF, which has no text layer") }
    return assembly.extracted(title: try await PDFInformation.title(of: bytes, limits: limits))
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
