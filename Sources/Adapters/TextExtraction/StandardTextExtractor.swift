package import Application
import Confinement
package import Domain

/// Reads text, Markdown, reStructuredText, source code, CSV, JSON Lines, e-mail, PDF and, where they are built in, HTML
/// and DOCX; where it is switched on, also scanned pages and pictures, whose text is recognised.
///
/// What a payload is, its bytes say first, then its media type and its file name (``PayloadFormat``). Markdown,
/// reStructuredText and code stay the source itself; HTML becomes the text of its main content; a row of a table or an
/// object becomes a passage. All text is cleaned (``TextCleaner``).
package struct StandardTextExtractor: TextExtractor {
  /// What an extraction may take.
  package let limits: ExtractionLimits
  /// How text in pictures is recognised.
  package let ocr: OCRSettings

  /// Makes an extractor.
  package init(limits: ExtractionLimits = ExtractionLimits(), ocr: OCRSettings = OCRSettings()) {
    self.limits = limits
    self.ocr = ocr
  }

  /// Whether this build reads HTML.
  package static var readsHTML: Bool {
    #if HTML
    true
    #else
    false
    #endif
  }

  /// Whether this build reads DOCX.
  package static var readsDOCX: Bool {
    #if DOCX
    true
    #else
    false
    #endif
  }

  /// Whether the programs that read PDF are on the `PATH`.
  package static var readsPDF: Bool { PDFReader.programs.allSatisfy(ConfinedProcess.isInstalled) }

  /// What keeps text from being recognised as it is set, for the operator; `nil` when nothing does.
  package static func ocrFault(_ settings: OCRSettings) async -> String? {
    let missing = TextRecogniser.programs.filter { !ConfinedProcess.isInstalled($0.0) }.map(\.1)
    guard missing.isEmpty else { return "not there: install \(missing.joined(separator: " and "))" }
    do throws(ExtractionFailure) {
      let missing = try await TextRecogniser(settings: settings, limits: ExtractionLimits()).missingLanguages()
      return missing.isEmpty ? nil : "tesseract has not the language \(missing.joined(separator: ", "))"
    } catch {
      return "tesseract does not say which languages it has: \(error)"
    }
  }

  /// Whether files with such a name are read, by its ending.
  package static func reads(fileNamed name: String) -> Bool { PayloadFormat.isKnown(name: name) }

  /// Extracts and cleans, away from the caller's executor: ten megabytes keep a core busy for a while.
  @concurrent
  package func extract(_ payload: Payload) async throws(ExtractionFailure) -> (
    text: ExtractedText, mediaType: MediaType
  ) {
    guard payload.bytes.count <= limits.maximumPayloadBytes else {
      throw .invalid("the file has \(payload.bytes.count) bytes; the limit is \(limits.maximumPayloadBytes)")
    }
    guard !payload.bytes.isEmpty else { throw .empty }
    try checkCancellation()
    let format = try PayloadFormat(of: payload)
    let (text, mediaType) = try await read(payload.bytes, as: format)
    try limits.checkText(text.text.utf8.count)
    guard !text.blocks.isEmpty else { throw .empty }
    return (text, mediaType)
  }

  private func read(
    _ bytes: [UInt8], as format: PayloadFormat
  ) async throws(ExtractionFailure) -> (text: ExtractedText, mediaType: MediaType) {
    switch format {
    case .pdf: return (try await PDFReader(limits: limits, ocr: ocr).read(bytes), format.mediaType)
    case .picture(let picture): return (try await read(bytes, as: picture), format.mediaType)
    case .docx: return (try await DOCXReader(limits: limits).read(bytes), format.mediaType)
    case .email where EmailReader.matches(bytes):
      return (try await EmailReader(limits: limits).read(bytes), format.mediaType)
    default: break
    }
    let source = try PayloadDecoder.decode(bytes)
    try checkCancellation()
    switch format {
    case .html: return (try await HTMLReader(limits: limits).read(source), format.mediaType)
    case .markdown: return (try structured(source, by: MarkdownScanner.scan), format.mediaType)
    case .reStructuredText: return (try structured(source, by: ReStructuredTextScanner.scan), format.mediaType)
    case .sourceCode: return (try structured(source, by: SourceCodeScanner.scan), format.mediaType)
    case .jsonLines: return (try JSONLines.read(source, limits: limits), format.mediaType)
    case .delimited(let delimiter):
      if let table = DelimitedText(source, delimiter: delimiter) {
        return (try table.read(limits: limits), format.mediaType)
      }
    case .plainText, .email, .pdf, .picture, .docx: break
    }
    // A name that promises more than the bytes hold.
    return (try structured(source, by: PlainTextScanner.scan), .plainText)
  }

  private func read(_ bytes: [UInt8], as picture: PictureFormat) async throws(ExtractionFailure) -> ExtractedText {
    let recogniser = TextRecogniser(settings: ocr, limits: limits)
    let output = try await recogniser.read(picture: bytes, as: picture)
    let text = try PagedText.assembly(of: output, limits: limits).extracted(title: nil)
    guard !text.blocks.isEmpty else { throw .invalid("no text was recognised in the picture") }
    // One picture alone is no page of anything; a TIFF may be all pages of a fax.
    return text.pageStarts.count > 1 ? text : ExtractedText(text: text.text, title: nil, blocks: text.blocks)
  }

  private func structured(
    _ source: String,
    by scan: (String) -> ExtractedText
  ) throws(ExtractionFailure) -> ExtractedText {
    let clean = TextCleaner.clean(source)
    try checkCancellation()
    let text = scan(clean)
    try checkCancellation()
    return text
  }
}

/// - Throws: `.cancelled` when the current task is.
func checkCancellation() throws(ExtractionFailure) {
  if Task.isCancelled { throw .cancelled }
}
