import Application
import Domain
import FoundationEssentials
import Testing

@testable import TextExtraction

/// Runs the standard extractor.
func extractText(
  _ bytes: some Sequence<UInt8>,
  type: MediaType = .plainText,
  name: String? = nil,
  limits: ExtractionLimits = ExtractionLimits(),
  ocr: OCRSettings = OCRSettings()
) async throws(ExtractionFailure) -> (text: ExtractedText, mediaType: MediaType) {
  try await StandardTextExtractor(limits: limits, ocr: ocr)
    .extract(Payload(bytes: Array(bytes), mediaType: type, fileName: name))
}

/// The kinds and texts of an extraction's blocks, after a look at the promises that hold for every extraction.
func textBlocks(_ text: ExtractedText) -> [(kind: TextBlock.Kind, text: String)] {
  let bytes = Array(text.text.utf8)
  var end = 0
  return text.blocks.map { block in
    #expect(block.range.lowerBound >= end && !block.range.isEmpty && block.range.upperBound <= bytes.count)
    end = block.range.upperBound
    let content = String(validating: bytes[block.range], as: UTF8.self)
    #expect(content != nil, "a block tears a scalar")
    return (block.kind, content ?? "")
  }
}

@Suite("Extraction of payloads")
struct ExtractionOfPayloads {
  @Test("plain text keeps its bytes and has its paragraphs as blocks")
  func plain() async throws {
    let source = "First line\nsecond line\n\n  Second paragraph. \n \n\tThird"
    let (text, type) = try await extractText(source.utf8)
    #expect(text.text == source && type == .plainText && text.title == nil)
    #expect(textBlocks(text).map(\.text) == ["First line\nsecond line", "Second paragraph.", "Third"])
  }

  @Test(
    "the type is found by content, then by media type, then by name",
    arguments: [
      ("# Heading\n\ntext", "text/plain", "notes.txt", .plainText),
      ("# Heading\n\ntext", "text/plain", "notes.md", .markdown),
      ("# Heading\n\ntext", "application/octet-stream", nil, .markdown),
      ("just text", "application/octet-stream", nil, .plainText),
      ("just text", "application/octet-stream", "README.markdown", .markdown),
      ("just text", "text/markdown; charset=utf-8", nil, .markdown),
      ("{\"a\": 1}", "application/json", "a.json", .plainText),
      ("a,b", "text/csv", "a.csv", MediaType("text/csv")), ("a b", "text/csv", "a.csv", .plainText),
      ("text", "application/octet-stream", "a.rst", MediaType("text/x-rst")),
      ("#!/bin/sh\n", "", "run", MediaType("text/x-shellscript")),
      ("ID3 tags and GIF images", "text/plain", nil, .plainText),
      ("x", "", nil, .plainText),
    ] as [(String, String, String?, MediaType)]
  )
  func formats(_ content: String, _ type: String, _ name: String?, _ expected: MediaType) async throws {
    #expect(try await extractText(content.utf8, type: MediaType(type), name: name).mediaType == expected)
  }

  @Test(
    "a page of HTML is known by its first tag, whatever it is called",
    arguments: [
      "<!DOCTYPE html><p>x", "\n <html lang=en><body>x", "<!-- c --><!doctype HTML>", "<?xml version=\"1.0\"?><html>x",
      "\u{FEFF}<HEAD>", "<body>\n",
    ]
  )
  func sniffsHTML(_ content: String) {
    #expect(PayloadFormat.beginsAsHTML(Array(content.utf8)))
    #expect(!PayloadFormat.beginsAsHTML(Array("text \(content)".utf8)))
    #expect(!PayloadFormat.beginsAsHTML(Array("<htmlx>".utf8)))
  }

  @Test(
    "formats that are not read are refused by name",
    arguments: [
      ([0x50, 0x4B, 3, 4] + [UInt8](repeating: 7, count: 500_000) + Array("xl/workbook.xml".utf8), "XLSX"),
      ([0x50, 0x4B, 3, 4, 0, 0], "ZIP"), ([0x89, 0x50, 0x4E, 0x47], "PNG"), ([0xFF, 0xD8, 0xFF, 0xE0], "JPEG"),
      ([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], "PNG"), ([0x49, 0x49, 0x2A, 0], "TIFF"),
      (Array("RIFF....WEBPVP8".utf8), "WebP"), ([0, 0, 0, 0x20] + Array("ftypisom".utf8), "MP4"),
      ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], "Office"), (Array("{\\rtf1\\ansi".utf8), "RTF"),
      ([0x1F, 0x8B, 8], "gzip"),
    ] as [([UInt8], String)]
  )
  func binary(_ bytes: [UInt8], _ name: String) async {
    let failure = await #expect(throws: ExtractionFailure.self) { try await extractText(bytes, name: "a.txt") }
    guard case .unsupported(let message) = failure else { return #expect(Bool(false), "\(failure.debugDescription)") }
    #expect(message.contains(name))
  }

  @Test("a type that is no text is refused by name")
  func unsupportedType() async {
    await #expect(
      throws: ExtractionFailure.unsupported(
        "the type image/svg is not read here; \(PayloadFormat.known)"
      )
    ) { try await extractText("text".utf8, type: MediaType("image/svg")) }
  }

  @Test(
    "a payload without text is empty",
    arguments: ["", " \n\t ", "\u{FEFF}", "\u{1}\u{2}\u{1B}\u{7F}", "\u{200B}\u{202E}", "\r\r\r", "\u{3000}\u{A0}"]
  )
  func empty(_ content: String) async {
    for type in [MediaType.plainText, .markdown] {
      await #expect(throws: ExtractionFailure.empty) { try await extractText(content.utf8, type: type) }
    }
  }

  @Test(
    "Markdown without a block is empty",
    arguments: ["---\ntitle: x\n---\n", "***\n", "<!-- only this -->", "#\n##"]
  )
  func emptyMarkdown(_ content: String) async {
    await #expect(throws: ExtractionFailure.empty) { try await extractText(content.utf8, type: .markdown) }
  }

  @Test(
    "bytes that are not UTF-8 are refused with the offset of the first",
    arguments: [
      ([0x61, 0x62, 0xE9, 0x63], 2), ([0xC0, 0x80], 0), ([0x61, 0xED, 0xA0, 0x80], 1), ([0xF5, 0x80, 0x80, 0x80], 0),
      ([0xE2, 0x82], 0), ([0x61, 0x80], 1), ([0xC3, 0xA9, 0xFF], 2), ([0xF0, 0x8F, 0xBF, 0xBF], 0),
      ([0xEF, 0xBB, 0xBF, 0xFF], 3), ([UInt8](repeating: 0x61, count: 100_000) + [0xFE], 100_000),
    ] as [([UInt8], Int)]
  )
  func invalidUTF8(_ bytes: [UInt8], _ offset: Int) async {
    await #expect(throws: ExtractionFailure.invalid("byte \(offset) is not UTF-8: save the text as UTF-8")) {
      try await extractText(bytes)
    }
  }

  @Test("Latin-1 that a page declares is named, not guessed")
  func latin1() async {
    let page = Array("<html><meta charset=\"iso-8859-1\"><p>caf".utf8) + [0xE9]
    await #expect(
      throws: ExtractionFailure.invalid("byte 39 is not UTF-8 (the page says iso-8859-1): save the text as UTF-8")
    ) { try await extractText(page) }
  }

  @Test("a NUL byte makes it no text")
  func nul() async {
    await #expect(
      throws: ExtractionFailure.invalid(
        "byte 3 is NUL: this is not text, or UTF-16 without a byte-order mark; save it as UTF-8"
      )
    ) { try await extractText(Array("abc\0def".utf8), name: "a.txt") }
  }

  @Test("UTF-16 with a byte-order mark is read in both byte orders")
  func utf16() async throws {
    let source = "Grüße, 日本 👍\nzwei"
    let little: [UInt8] = [0xFF, 0xFE] + source.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
    let big: [UInt8] = [0xFE, 0xFF] + source.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    #expect(try await extractText(little).text.text == source)
    #expect(try await extractText(big).text.text == source)
  }

  @Test("UTF-16 that is broken, and UTF-32, are refused")
  func brokenUTF16() async {
    for (bytes, message) in [
      ([0xFF, 0xFE, 0x61], "the text is UTF-16, but has an odd number of bytes (3): it was cut off"),
      ([0xFE, 0xFF, 0, 0x61, 0xD8, 0], "byte 4 is half a surrogate pair, which is not UTF-16"),
      ([0xFE, 0xFF, 0xD8, 0, 0, 0x61], "byte 2 is half a surrogate pair, which is not UTF-16"),
      ([0xFE, 0xFF, 0xD8, 0x3D, 0xDC, 0x4D, 0xDC, 0x4D], "byte 6 is half a surrogate pair, which is not UTF-16"),
      ([0xFE, 0xFF, 0, 0x61, 0, 0], "byte 4 is NUL: this is not text"),
      ([0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0], "the text is UTF-32: save it as UTF-8"),
    ] as [([UInt8], String)] {
      await #expect(throws: ExtractionFailure.invalid(message)) { try await extractText(bytes) }
    }
  }

  @Test("the limits on payload and text hold at their edges")
  func limits() async throws {
    var limits = ExtractionLimits()
    limits.maximumPayloadBytes = 10
    #expect(try await extractText("0123456789".utf8, limits: limits).text.text == "0123456789")
    await #expect(throws: ExtractionFailure.invalid("the file has 11 bytes; the limit is 10")) {
      try await extractText("0123456789a".utf8, limits: limits)
    }
    limits = ExtractionLimits()
    limits.maximumTextBytes = 10
    #expect(try await extractText("01234567\r\n8".utf8, limits: limits).text.text.utf8.count == 10)
    await #expect(throws: ExtractionFailure.invalid("the text has more than 10 bytes: split the document")) {
      try await extractText("0123456789a".utf8, limits: limits)
    }
  }

  @Test("a cancelled task gets no text")
  func cancelled() async {
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      _ = try await extractText("text".utf8)
    }
    await #expect(throws: ExtractionFailure.cancelled) { try await task.value }
  }

  @Test(
    "strange but valid text is taken",
    arguments: [
      String(repeating: "x", count: 1 << 20), "only\rcarriage\rreturns", "עברית and English مختلط 日本語",
      "e\u{301}\u{327} NFD", "👨‍👩‍👧‍👦👨🏿‍🚀🏳️‍🌈", "\u{301}begins with a mark",
      String(repeating: "a\u{300}", count: 50_000),
      String(repeating: "\n", count: 100_000) + "end", String(repeating: "> ", count: 50_000) + "deep",
      String(repeating: "- ", count: 50_000) + "deep", String(repeating: "[", count: 50_000) + "x",
      String(repeating: "#", count: 50_000), String(repeating: "`", count: 50_000),
      String(repeating: "|-", count: 50_000),
    ]
  )
  func strange(_ content: String) async throws {
    for type in [MediaType.plainText, .markdown] {
      do {
        let text = try await extractText(content.utf8, type: type).text
        let chunks = try TextChunker(maximumChunks: .max)
          .chunks(of: text, counter: ApproximateTokenCounter()) { ChunkID(UUID()) }
        let bytes = Array(text.text.utf8)
        for chunk in chunks { #expect(Array(chunk.text.utf8) == Array(bytes[chunk.startOffset..<chunk.endOffset])) }
        #expect(!chunks.isEmpty)
      } catch let failure as ExtractionFailure {
        // A fence that nothing follows is no text.
        #expect(failure == .empty && content.hasPrefix("```") && type == .markdown)
      }
    }
  }
}
