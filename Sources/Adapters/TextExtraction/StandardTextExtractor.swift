package import Application
package import Domain

/// Reads plain text, Markdown and, where it is built in, HTML.
///
/// What a payload is, its bytes say first, then its media type and its file name (``PayloadFormat``). Markdown stays
/// the Markdown source itself; HTML becomes the text of its main content. All text is cleaned (``TextCleaner``).
package struct StandardTextExtractor: TextExtractor {
  /// What an extraction may take.
  package let limits: ExtractionLimits

  /// Makes an extractor.
  package init(limits: ExtractionLimits = ExtractionLimits()) {
    self.limits = limits
  }

  /// Whether this build reads HTML.
  package static var readsHTML: Bool {
    #if HTML
    true
    #else
    false
    #endif
  }

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
    let source = try PayloadDecoder.decode(payload.bytes)
    try checkCancellation()
    let text =
      switch format {
      case .plainText: try structured(source, by: PlainTextScanner.scan)
      case .markdown: try structured(source, by: MarkdownScanner.scan)
      case .html: try await HTMLReader(limits: limits).read(source)
      }
    guard text.text.utf8.count <= limits.maximumTextBytes else {
      throw .invalid(
        "the text has \(text.text.utf8.count) bytes; the limit is \(limits.maximumTextBytes): split the document"
      )
    }
    guard !text.blocks.isEmpty else { throw .empty }
    return (text, format.mediaType)
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
