import Application
import Domain
import Foundation
import Testing

@testable import TextExtraction

@Suite("Extraction: scanned pages and pictures", .enabled(if: DocumentTools.hasOCR || DocumentTools.mustBeThere))
struct TextRecognition {
  private static let pages = [["The numbat eats termites."], [], ["On the third page a quokka smiles."]]

  private static func settings(_ change: (inout OCRSettings) -> Void = { _ in }) -> OCRSettings {
    var settings = OCRSettings()
    settings.languages = ["eng"]
    change(&settings)
    return settings
  }

  @Test("the text of scanned pages is recognised, and each keeps its number")
  func scanned() async throws {
    let bytes = FormatFixture.scannedPDF(try await ScannedPage.pages(Self.pages))
    let (text, type) = try await extractText(bytes, ocr: Self.settings())
    #expect(type == MediaType("application/pdf"))
    #expect(textBlocks(text).map(\.text) == ["The numbat eats termites.", "On the third page a quokka smiles."])
    #expect(text.blocks.map { text.pages(of: $0.range)?.label } == ["p. 1", "p. 3"])
  }

  @Test("a PDF with text is read as it is, whether recognition is on or not")
  func textLayer() async throws {
    let bytes = FormatFixture.pdf([["Text of its own."], []])
    #expect(try await extractText(bytes, ocr: Self.settings()).text == extractText(bytes).text)
  }

  @Test("scanned pages among others are recognised where it is on, each under its number; the others stay as they are")
  func mixed() async throws {
    let scans = try await ScannedPage.pages([[], ["The numbat eats termites."], [], ["A quokka smiles."], []])
    let typed = [0: "Typed by its author.", 2: "", 4: "Typed at the end."]
    let bytes = FormatFixture.scannedPDF(scans, typed: typed)
    let (text, _) = try await extractText(bytes, ocr: Self.settings())
    #expect(
      textBlocks(text).map(\.text) == [
        "Typed by its author.", "The numbat eats termites.", "A quokka smiles.", "Typed at the end.",
      ])
    #expect(text.blocks.map { text.pages(of: $0.range)?.label } == ["p. 1", "p. 2", "p. 4", "p. 5"])
    #expect(textBlocks(try await extractText(bytes).text).map(\.text) == ["Typed by its author.", "Typed at the end."])
    // A page without text and picture counts for nothing: only two are to be recognised.
    #expect(try await extractText(bytes, ocr: Self.settings { $0.maximumPages = 2 }).text == text)
    #expect(
      await extractionFailure { try await extractText(bytes, ocr: Self.settings { $0.maximumPages = 1 }) }
        == .invalid(
          "the PDF has scanned pages without text, such as page 2, 2 in all; OCR reads 1 at most: split the document"))
  }

  @Test("a picture is read too, and all pages of a TIFF")
  func pictures() async throws {
    for (format, type) in [("-png", "image/png"), ("-jpeg", "image/jpeg")] {
      let picture = try await ScannedPage.picture(["A picture of a bilby."], format)
      let (text, found) = try await extractText(picture, type: .plainText, name: "a.txt", ocr: Self.settings())
      #expect(textBlocks(text).map(\.text) == ["A picture of a bilby."] && found == MediaType(type))
      #expect(text.pageStarts.isEmpty)
    }
    let fax = FormatFixture.tiff(try await ScannedPage.pages([["The first page."], ["The second page."]]))
    let (text, type) = try await extractText(fax, ocr: Self.settings())
    #expect(type == MediaType("image/tiff"))
    #expect(textBlocks(text).map(\.text) == ["The first page.", "The second page."])
    #expect(text.blocks.map { text.pages(of: $0.range)?.first } == [1, 2])
  }

  @Test("when it is off, or a language or text is missing, the reason says so")
  func reasons() async throws {
    let scan = FormatFixture.scannedPDF(try await ScannedPage.pages([["Text."]], resolution: 72))
    let blank = FormatFixture.scannedPDF(try await ScannedPage.pages([[]], resolution: 72))
    let png = try await ScannedPage.picture(["Text."], "-png")
    #expect(
      await extractionFailure { try await extractText(scan) }
        == .unsupported("the PDF has no text layer; OCR is off on this server"))
    #expect(
      await extractionFailure { try await extractText(png) }
        == .unsupported("a PNG image has no text but in its picture; OCR is off on this server"))
    let strange = Self.settings { $0.languages = ["eng", "tlh"] }
    #expect(
      await extractionFailure { try await extractText(scan, ocr: Self.settings { $0.languages = ["tlh"] }) }
        == .unsupported("tesseract has not the language tlh on this server, which its OCR is set to"))
    #expect(await StandardTextExtractor.ocrFault(strange) == "tesseract has not the language tlh")
    #expect(await StandardTextExtractor.ocrFault(Self.settings()) == nil)
    #expect(
      await extractionFailure { try await extractText(blank, ocr: Self.settings()) }
        == .invalid("no text was recognised in the PDF, which has no text layer"))
    #expect(
      await extractionFailure { try await extractText(png.prefix(200), ocr: Self.settings()) }
        == .invalid("the picture cannot be read: it is broken, or larger than OCR has memory for"))
  }

  @Test("what is no picture for sure never gets to the recogniser, which takes other bytes for names of files")
  func disguised() async throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID()).png").path
    try Data(try await ScannedPage.picture(["A secret of the server."], "-png")).write(to: URL(filePath: file))
    defer { try? FileManager.default.removeItem(atPath: file) }  // A file left behind is no failure of what is tested.
    let names = Array("\n\(file)\n".utf8)
    for start in [[0x89, 0x50, 0x4E, 0x47], [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A], [0xFF, 0xD8, 0xFF]] as [[UInt8]]
    {
      #expect(await extractionFailure { try await extractText(start + names, ocr: Self.settings()) } != nil)
    }
    for start in [[0x49, 0x49, 0x2A, 0], [0x4D, 0x4D, 0, 0x2A], [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]]
      as [[UInt8]]
    {
      #expect(await extractionFailure { try await extractText(start + names, ocr: Self.settings()) } != nil)
    }
    let recogniser = TextRecogniser(settings: Self.settings(), limits: ExtractionLimits())
    #expect(
      await extractionFailure { try await recogniser.read(picture: names, as: .png) }
        == .invalid("the file is not a PNG image"))
  }

  @Test("as many pages as the limit are read, and one more is refused before any is")
  func pageLimit() async throws {
    let scan = FormatFixture.scannedPDF(try await ScannedPage.pages([["One."], ["Two."]], resolution: 100))
    let most = Self.settings { $0.maximumPages = 2 }
    #expect(try await extractText(scan, ocr: most).text.pageStarts.count == 2)
    #expect(
      await extractionFailure { try await extractText(scan, ocr: Self.settings { $0.maximumPages = 1 }) }
        == .invalid("the PDF has no text layer, and 2 pages; OCR reads 1 at most: split the document"))
  }

  @Test("a page that takes too long, and a file that does, are given up with the reason")
  func times() async throws {
    let scan = FormatFixture.scannedPDF(try await ScannedPage.pages([["One."], ["Two."]], resolution: 100))
    let page = Self.settings { $0.maximumPageTime = .milliseconds(1) }
    #expect(
      await extractionFailure { try await extractText(scan, ocr: page) }
        == .invalid("rendering page 1 takes longer than 0.001 seconds"))
    let file = Self.settings { $0.maximumTime = .milliseconds(1) }
    #expect(
      await extractionFailure { try await extractText(scan, ocr: file) }
        == .invalid("recognising its text takes longer than 0.001 seconds: split the document"))
    #expect(
      await extractionFailure { try await extractText(scan, ocr: Self.settings { $0.maximumMemory = 16 << 20 }) } != nil
    )
    let task = Task { await extractionFailure { try await extractText(scan, ocr: Self.settings()) } }
    try await Task.sleep(for: .milliseconds(50))
    task.cancel()
    #expect(await task.value == .cancelled)
  }

  @Test("a sheet of five metres is rendered no larger than the limit, and still read")
  func largeSheet() async throws {
    let scan = FormatFixture.scannedPDF(
      try await ScannedPage.pages([["The wall says quokka."]], resolution: 100), side: 14_400)
    #expect(textBlocks(try await extractText(scan, ocr: Self.settings()).text).map(\.text) == ["The wall says quokka."])
  }
}
