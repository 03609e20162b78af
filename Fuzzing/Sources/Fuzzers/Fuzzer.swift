/// What is fuzzed, by the names that `Fuzzing/run` takes.
///
/// Each takes any bytes. What it finds wrong it traps on, which libFuzzer reports with the bytes that did it.
enum Fuzzer: String, CaseIterable {
  /// The word pieces of the embedding model.
  case tokenizer
  /// Cutting any text, in any blocks and pages, into chunks.
  case chunker
  /// Finding out what bytes are, decoding and cleaning them; plain text and code.
  case text
  case markdown
  case reStructuredText
  /// Comma-separated values and their like.
  case delimited
  case jsonLines
  case html
  case docx
  case email
  /// Uploads as forms.
  case multipart

  /// Takes bytes.
  func take(_ bytes: [UInt8]) {
    switch self {
    case .tokenizer: fuzzTokenizer(bytes)
    case .chunker: fuzzChunker(bytes)
    case .text: fuzzText(bytes)
    case .markdown: fuzzMarkdown(bytes)
    case .reStructuredText: fuzzReStructuredText(bytes)
    case .delimited: fuzzDelimited(bytes)
    case .jsonLines: fuzzJSONLines(bytes)
    case .html: fuzzHTML(bytes)
    case .docx: fuzzDOCX(bytes)
    case .email: fuzzEmail(bytes)
    case .multipart: fuzzMultipart(bytes)
    }
  }
}
