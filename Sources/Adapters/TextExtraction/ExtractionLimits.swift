import Application

/// How much an extraction may take; what exceeds a limit is refused as invalid, with the limit in the message.
package struct ExtractionLimits: Hashable, Sendable {
  /// The most bytes of a payload.
  package var maximumPayloadBytes = 20 * 1024 * 1024
  /// The most UTF-8 bytes of the extracted text.
  package var maximumTextBytes = 10 * 1024 * 1024
  /// How deep HTML elements may be nested, the root counted as 1; pages that people wrote stay under 100.
  package var maximumHTMLDepth = 512
  /// The most nodes (elements, texts, comments) of an HTML page; the HTML specification on one page has about 500,000.
  package var maximumHTMLNodes = 1_000_000
  /// The most bytes that parsing HTML may allocate: a few kilobytes of unclosed tags can make gigabytes of tree.
  package var maximumHTMLMemory = 384 * 1024 * 1024
  /// How long parsing HTML may take. A usual megabyte takes about 20 ms; some malformed pages take quadratic time.
  package var maximumHTMLTime = Duration.seconds(10)
  /// The most pages of a PDF or another file that has pages; a long book has some 2,000.
  package var maximumPages = 10_000
  /// How long reading a PDF may take; a usual page takes some milliseconds.
  package var maximumPDFTime = Duration.seconds(60)
  /// The most bytes of address space that the program which reads PDF may have.
  package var maximumPDFMemory = 1_024 * 1024 * 1024
  /// The most bytes of a part of a DOCX when it is unpacked; the XML of a page of prose has some 20 KB.
  package var maximumInflatedBytes = 128 * 1024 * 1024
  /// The most parts of an e-mail, attachments and what they hold included.
  package var maximumEmailParts = 1_000
  /// How deep the parts of an e-mail may be nested.
  package var maximumEmailDepth = 20

  /// The defaults, which are fit for what people upload.
  package init() {}
}

extension ExtractionLimits {
  /// - Throws: `.invalid` for a text of more bytes than allowed.
  func checkText(_ byteCount: Int) throws(ExtractionFailure) {
    guard byteCount > maximumTextBytes else { return }
    throw .invalid("the text has more than \(maximumTextBytes) bytes: split the document")
  }
}
