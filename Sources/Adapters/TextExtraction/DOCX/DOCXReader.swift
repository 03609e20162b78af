import Application
import Domain

/// Reads the text of a word processor's document (ECMA-376, part 1, WordprocessingML).
struct DOCXReader {
  let limits: ExtractionLimits

  #if DOCX
  /// The text with its headings, lists and tables; the title is that of the metadata, or the paragraph in the style
  /// of a title. Headers, footers, notes and comments are not part of it.
  ///
  /// - Throws: `.invalid` for what is broken, encrypted or beyond a limit, `.cancelled`.
  func read(_ bytes: [UInt8]) async throws(ExtractionFailure) -> ExtractedText {
    let limit = limits.maximumInflatedBytes
    return try ZipArchive.with(bytes) { archive throws(ExtractionFailure) in
      guard let document = try archive.entry("word/document.xml", limit: limit) else {
        throw .invalid("the file is no DOCX: it has no word/document.xml")
      }
      let styles = try archive.entry("word/styles.xml", limit: limit)
      var body = DOCXBody(
        styles: try styles.map { bytes throws(ExtractionFailure) in try DOCXStyles(bytes) } ?? DOCXStyles(),
        limits: limits)
      try XMLEvents.read(document, name: "word/document.xml") { event throws(ExtractionFailure) in try body.take(event)
      }
      let properties = try archive.entry("docProps/core.xml", limit: limit)
      let title = try properties.map { bytes throws(ExtractionFailure) in try Self.title(bytes) } ?? nil
      return body.assembly.extracted(title: title ?? body.title)
    }
  }

  private static func title(_ bytes: [UInt8]) throws(ExtractionFailure) -> String? {
    var (title, isTitle) = ("", false)
    try XMLEvents.read(bytes, name: "docProps/core.xml") { event throws(ExtractionFailure) in
      switch event {
      case .start("title", _, _): isTitle = true
      case .end("title"): isTitle = false
      case .text(let text): if isTitle { title += text }
      default: break
      }
    }
    return TextCleaner.cleanLine(title).isEmpty ? nil : title
  }
  #else
  func read(_ bytes: [UInt8]) async throws(ExtractionFailure) -> ExtractedText {
    throw .unsupported(
      "this server was built without DOCX support: build it with libzip-dev and libxml2-dev installed, and the trait DOCX"
    )
  }
  #endif
}
