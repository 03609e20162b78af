import Application
import Domain

@testable import TextExtraction

/// Any bytes are told apart and decoded or refused; what is text is cleaned once and for all.
func fuzzText(_ bytes: [UInt8]) {
  let names: [String?] = [nil, "a.txt", "a.py", "a.csv", "a.html", "a.rst", "a.eml", "."]
  let types = [MediaType.unknown, .plainText, .html, .markdown, MediaType("application/json")]
  guard let first = bytes.first else { return }
  let (name, type) = (names[Int(first) % names.count], types[Int(first / 8) % types.count])
  let payload = Payload(bytes: Array(bytes.dropFirst()), mediaType: type, fileName: name)
  guard (try? PayloadFormat(of: payload)) != nil, let source = try? PayloadDecoder.decode(payload.bytes) else { return }
  let clean = TextCleaner.clean(source)
  require(TextCleaner.clean(clean).utf8.elementsEqual(clean.utf8), "cleaning twice is not cleaning once")
  require(
    clean.unicodeScalars.allSatisfy { ($0.value >= 0x20 && $0.value != 0x7F) || $0 == "\t" || $0 == "\n" },
    "a control character is left")
  check(PlainTextScanner.scan(clean))
  check(SourceCodeScanner.scan(clean))
}

/// Markup that stays the source itself.
func fuzzMarkup(_ bytes: [UInt8], by scan: (String) -> ExtractedText) {
  guard let source = text(of: bytes) else { return }
  let clean = TextCleaner.clean(source)
  let extracted = scan(clean)
  require(extracted.text == clean, "the source is not left as it is")
  check(extracted)
}

func fuzzMarkdown(_ bytes: [UInt8]) { fuzzMarkup(bytes, by: MarkdownScanner.scan) }

func fuzzReStructuredText(_ bytes: [UInt8]) { fuzzMarkup(bytes, by: ReStructuredTextScanner.scan) }

func fuzzDelimited(_ bytes: [UInt8]) {
  let delimiters: [UInt8?] = [nil, UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t"), UInt8(ascii: "|")]
  guard let first = bytes.first, let source = text(of: bytes.dropFirst()),
    let table = DelimitedText(source, delimiter: delimiters[Int(first) % delimiters.count]),
    let extracted = try? table.read(limits: ExtractionLimits())
  else { return }
  check(extracted)
}

func fuzzJSONLines(_ bytes: [UInt8]) {
  _ = JSONLines.matches(bytes)
  guard let source = text(of: bytes), let extracted = try? JSONLines.read(source, limits: ExtractionLimits())
  else { return }
  check(extracted)
}
