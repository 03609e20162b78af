import Application
import Confinement
import Domain
import Foundation
import Testing

@testable import TextExtraction

@Suite("Extraction: PDF", .enabled(if: DocumentTools.hasPDF || DocumentTools.mustBeThere))
struct PDFExtraction {
  private static let pages = [
    ["The numbat eats ter-", "mites all day long.", "", "Second paragraph here."], ["On the second page: caf\\351."],
  ]

  @Test("a PDF is known by its bytes; its text comes in paragraphs, with words put together that lines cut")
  func text() async throws {
    let bytes = FormatFixture.pdf(Self.pages, title: "Numbats")
    let (text, type) = try await extractText(bytes, type: .plainText, name: "a.txt")
    #expect(type == MediaType("application/pdf") && text.title == "Numbats")
    #expect(
      textBlocks(text).map(\.text) == [
        "The numbat eats termites all day long.", "Second paragraph here.", "On the second page: café.",
      ])
  }

  @Test("each page begins where its text does, without what repeats at its edges, pages without text counted")
  func pageStarts() async throws {
    let pages = (1...6).map { number in
      number == 3
        ? [] : ["The numbat report", "", "Content \(String(repeating: "x", count: number))", "", "Page \(number)"]
    }
    let (text, _) = try await extractText(FormatFixture.pdf(pages))
    #expect(
      textBlocks(text).map(\.text) == ["Content x", "Content xx", "Content xxxx", "Content xxxxx", "Content xxxxxx"])
    #expect(text.blocks.map { text.pages(of: $0.range)?.label } == ["p. 1", "p. 2", "p. 4", "p. 5", "p. 6"])
    // Behind each page stands a form feed, the last included.
    #expect(text.pageStarts.count == 6)
    #expect(text.pages(of: 0..<text.text.utf8.count) == PageSpan(first: 1, last: 6))
  }

  @Test("as many pages as the limit are read, and one more is refused")
  func pageLimit() async throws {
    var limits = ExtractionLimits()
    limits.maximumPages = 2
    #expect(try await extractText(FormatFixture.pdf(Self.pages), limits: limits).text.pageStarts.count == 2)
    #expect(
      await extractionFailure { try await extractText(FormatFixture.pdf(Self.pages + [["Third"]]), limits: limits) }
        == .invalid("it has 3 pages; the limit is 2: split the document"))
  }

  @Test("a title that is a file's name is none", arguments: ["report.docx", "C:\\\\x\\\\y", "", "untitled"])
  func titles(_ title: String) async throws {
    #expect(try await extractText(FormatFixture.pdf(Self.pages, title: title)).text.title == nil)
  }

  @Test("what is cut off, encrypted or without text is refused with the reason")
  func broken() async {
    let whole = FormatFixture.pdf(Self.pages)
    #expect(
      await extractionFailure { try await extractText(Array("%PDF-1.7\nnothing".utf8)) }
        == .invalid("the PDF is broken: it cannot be read"))
    #expect(
      await extractionFailure { try await extractText(FormatFixture.pdf([[]])) }
        == .unsupported("the PDF has no text layer; OCR is off on this server"))
    let locked = String(decoding: whole, as: UTF8.self).replacing(
      "/Root 1 0 R",
      with:
        "/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -44/O(\(String(repeating: "o", count: 32)))/U(\(String(repeating: "u", count: 32)))>>/ID[(a)(a)]/Root 1 0 R"
    )
    #expect(
      await extractionFailure { try await extractText(Array(locked.utf8)) }
        == .invalid("the PDF is encrypted: save it without a password"))
  }

  @Test("text beyond the limit is refused, and so is what takes too long")
  func limits() async {
    var limits = ExtractionLimits()
    limits.maximumTextBytes = 50
    #expect(
      await extractionFailure { try await extractText(FormatFixture.pdf(Self.pages), limits: limits) }
        == .invalid("the text has more than 50 bytes: split the document"))
    limits = ExtractionLimits()
    limits.maximumPDFMemory = 1 << 20
    #expect(await extractionFailure { try await extractText(FormatFixture.pdf(Self.pages), limits: limits) } != nil)
  }

  @Test("a program that hangs is ended when its time is up, and one that is missing is named")
  func hanging() async {
    let hanging = ConfinedTool(name: "sleep", package: "coreutils", time: .milliseconds(200), memory: 1 << 30)
    let start = ContinuousClock.now
    #expect(
      await extractionFailure { try await hanging.run(["60"], input: [], maximumOutput: 10) }
        == .invalid("reading it takes longer than 0.2 seconds"))
    #expect(ContinuousClock.now - start < .seconds(20))
    let missing = ConfinedTool(name: "no-such-program", package: "none", time: .seconds(5), memory: 1 << 30)
    guard
      case .unsupported(let words) = await extractionFailure({ try await missing.run([], input: [], maximumOutput: 10) }
      )
    else { return #expect(Bool(false), "it was found") }
    #expect(words.contains("no-such-program"))
  }

  @Test("a program that ends before it has read its input harms nothing, nor does one that is cancelled")
  func unreadInput() async throws {
    let input = [UInt8](repeating: 7, count: 8 << 20)
    let tool = ConfinedTool(name: "true", package: "coreutils", time: .seconds(20), memory: 1 << 30)
    for _ in 0..<10 { #expect(try await tool.run([], input: input, maximumOutput: 10).isSuccess) }
    let hanging = ConfinedTool(name: "sleep", package: "coreutils", time: .seconds(60), memory: 1 << 30)
    for delay in [0, 1, 20, 200] {
      let task = Task { await extractionFailure { try await hanging.run(["60"], input: input, maximumOutput: 10) } }
      try await Task.sleep(for: .milliseconds(delay))
      task.cancel()
      #expect(await task.value == .cancelled)
    }
  }

  @Test("a program writes no file and sees no environment")
  func confined() async throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "confined-\(UUID())").path
    let shell = ConfinedTool(name: "sh", package: "dash", time: .seconds(5), memory: 1 << 30)
    let output = try await shell.run(["-c", "echo data > \(file); env"], input: [], maximumOutput: 10_000)
    #expect((FileManager.default.contents(atPath: file) ?? Data()).isEmpty)
    try? FileManager.default.removeItem(atPath: file)  // It may not be there.
    let names = String(decoding: output.bytes, as: UTF8.self).split(separator: "\n").map { $0.prefix { $0 != "=" } }
    #expect(Set(names).isSubset(of: ["PATH", "LC_ALL", "PWD", "OLDPWD", "SHLVL", "_"]))
  }
}

/// What the tests of documents need.
enum DocumentTools {
  static let mustBeThere = ProcessInfo.processInfo.environment["CI"] != nil
  static let hasPDF = StandardTextExtractor.readsPDF
  static let hasOCR = TextRecogniser.programs.allSatisfy { ConfinedProcess.isInstalled($0.0) }
}

#if DOCX
@Suite("Extraction: DOCX")
struct DOCXExtraction {
  private typealias Fixture = FormatFixture

  @Test("headings, lists and tables are known, whatever the styles are called")
  func structure() async throws {
    let styles = """
      <w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
      <w:style w:styleId="Mein"><w:name w:val="Mein Stil"/><w:basedOn w:val="berschrift1"/></w:style>
      <w:style w:styleId="Kreis"><w:name w:val="Kreis"/><w:basedOn w:val="Kreis"/></w:style>
      <w:style w:styleId="Stufe"><w:name w:val="x"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>
      """
    let body =
      Fixture.paragraph("Guide", "<w:pStyle w:val=\"berschrift1\"/>") + Fixture.paragraph("Text &amp; more é")
      + Fixture.paragraph("Setup", "<w:pStyle w:val=\"Mein\"/>")
      + Fixture.paragraph("Third", "<w:pStyle w:val=\"Stufe\"/>")
      + Fixture.paragraph("Round", "<w:pStyle w:val=\"Kreis\"/>")
      + Fixture.paragraph("first", "<w:numPr><w:ilvl w:val=\"0\"/></w:numPr>")
      + Fixture.paragraph("second", "<w:numPr><w:ilvl w:val=\"0\"/></w:numPr>")
      + "<w:tbl><w:tr><w:tc>\(Fixture.paragraph("a"))\(Fixture.paragraph("b"))</w:tc><w:tc>\(Fixture.paragraph("c"))</w:tc></w:tr>"
      + "<w:tr><w:tc>\(Fixture.paragraph("d"))</w:tc><w:tc><w:tbl><w:tr><w:tc>\(Fixture.paragraph("e"))</w:tc></w:tr></w:tbl></w:tc></w:tr></w:tbl>"
      + "<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:t>struck</w:t></w:r></w:del><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>"
    let (text, type) = try await extractText(Fixture.docx(body, styles: styles, title: "The guide"), type: .unknown)
    #expect(type == PayloadFormat.docx.mediaType && text.title == "The guide")
    let blocks = textBlocks(text)
    #expect(
      blocks.map(\.text) == [
        "Guide", "Text & more é", "Setup", "Third", "Round", "first", "second", "a b | c", "d | e", "kept",
      ])
    #expect(
      blocks.map(\.kind) == [
        .heading(level: 1), .paragraph, .heading(level: 1), .heading(level: 3), .paragraph, .listItem, .listItem,
        .table,
        .table, .paragraph,
      ])
  }

  @Test("what is broken, too large when unpacked, or has entities is refused with the reason")
  func broken() async {
    let whole = Fixture.docx(Fixture.paragraph("text"))
    // Its directory is at the end.
    #expect(
      await extractionFailure { try await extractText(whole.dropLast(30)) }
        == .invalid("the file is a broken ZIP archive"))
    var flipped = whole
    if let place = whole.firstRange(of: Array("text<".utf8)) { flipped[place.lowerBound] ^= 1 }
    #expect(
      await extractionFailure { try await extractText(flipped) } == .invalid("word/document.xml in the file is broken"))
    var limits = ExtractionLimits()
    for (limit, isRefused) in [(10_000, false), (100, true)] {
      limits.maximumInflatedBytes = limit
      #expect((await extractionFailure { try await extractText(whole, limits: limits) } != nil) == isRefused)
    }
    let entities = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><x><t>&b;</t></x>"
    guard
      case .invalid(let words) = await extractionFailure({
        try await extractText(Fixture.zip([("word/document.xml", entities)]))
      })
    else { return #expect(Bool(false), "it was read") }
    #expect(words.contains("document type definition"))
    let deep = String(repeating: "<w:x>", count: 10_000)
    #expect(
      await extractionFailure { try await extractText(Fixture.docx(deep)) }
        == .invalid("word/document.xml in the file is not well-formed XML"))
  }

  @Test("one without text is empty")
  func empty() async {
    #expect(await extractionFailure { try await extractText(Fixture.docx("")) } == .empty)
  }
}
#endif
