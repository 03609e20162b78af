import Foundation
import Testing

@testable import Settings

@Suite("What reading a submission may take is the operator's to say")
struct ExtractionSettingsTests {
  /// A setting with its smallest and largest value, and the nearest ones beyond.
  struct Edge: CustomTestStringConvertible, Sendable {
    let key: String
    let (low, below): (String, String)
    let (high, above): (String, String)

    init(_ key: String, _ range: ClosedRange<Int>, unit: String = "") {
      self.key = key
      (low, below) = ("\(range.lowerBound)\(unit)", "\(range.lowerBound - 1)\(unit)")
      (high, above) = ("\(range.upperBound)\(unit)", "\(range.upperBound + 1)\(unit)")
    }

    var testDescription: String { key }
  }

  private func load(_ key: String, _ value: String) throws -> ServerConfiguration {
    try ServerConfiguration.load(
      ConfigurationInputs(flags: [key: value], environment: ["HOME": "/"], workingDirectory: "/nowhere"))
  }

  @Test(
    "a value at either edge is taken, and the next one beyond refused by its key",
    arguments: [
      Edge("extraction.maximumText", 1024...(256 << 20)), Edge("extraction.maximumPages", 1...1_000_000),
      Edge("extraction.docx.maximumUnpacked", (64 << 10)...(1 << 30)), Edge("extraction.html.maximumDepth", 16...2048),
      Edge("extraction.html.maximumNodes", 100...100_000_000),
      Edge("extraction.html.memory", (1 << 20)...(64 << 30)), Edge("extraction.html.time", 1...3600, unit: "s"),
      Edge("extraction.pdf.memory", (64 << 20)...(64 << 30)), Edge("extraction.pdf.time", 1...3600, unit: "s"),
      Edge("extraction.email.maximumParts", 1...100_000), Edge("extraction.email.maximumDepth", 1...100),
      Edge("extraction.ocr.maximumPages", 1...100_000), Edge("extraction.ocr.pageTime", 1...3600, unit: "s"),
      Edge("extraction.ocr.time", 1...86_400, unit: "s"), Edge("extraction.ocr.memory", (64 << 20)...(64 << 30)),
      Edge("chunking.maximumChunks", 1...1_000_000),
    ])
  func edges(_ edge: Edge) throws {
    for value in [edge.low, edge.high] {
      let configuration = try load(edge.key, value)
      let source = configuration.effectiveValues.first { $0.key == edge.key }?.source
      #expect(source == .flag(SettingsReader.flag(for: edge.key)))
    }
    for value in [edge.below, edge.above] {
      let failure = #expect(throws: ConfigurationFailure.self) { try load(edge.key, value) }
      #expect(failure?.description.hasPrefix("\(edge.key) cannot be \"\(value)\"") == true)
    }
  }

  @Test("nothing said leaves recognition of text off, and the limits as they are documented")
  func defaults() throws {
    let settings = try load("port", "0").extraction
    #expect(settings.ocr.languages.isEmpty && settings.ocr.maximumPages == 200)
    #expect(settings.ocr.pageTime == .seconds(60) && settings.ocr.time == .seconds(1800))
    #expect(settings.maximumText == 10 << 20 && settings.maximumPages == 10_000)
    #expect(settings.maximumUnpacked == 128 << 20 && settings.maximumHTMLDepth == 512)
    #expect(settings.pdfTime == .seconds(60) && settings.pdfMemory == 1 << 30 && settings.maximumEmailDepth == 20)
  }

  @Test("languages are names of Tesseract's models, and none beside them")
  func languages() throws {
    #expect(try load("extraction.ocr.languages", "eng, deu").extraction.ocr.languages == ["eng", "deu"])
    #expect(
      try load("extraction.ocr.languages", "chi_sim,script/Latin").extraction.ocr.languages
        == ["chi_sim", "script/Latin"])
    for value in ["../eng", "eng+deu", "/eng", "a/b/c", "-l", "eng.traineddata", "e g", "script/"] {
      #expect(throws: ConfigurationFailure.self) { try load("extraction.ocr.languages", value) }
    }
  }
}
