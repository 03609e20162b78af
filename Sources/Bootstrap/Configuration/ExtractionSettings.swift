extension ServerConfiguration {
  /// What reading a submission may take.
  package struct Extraction: Sendable {
    /// `extraction.maximumText`: bytes of a document's text.
    package let maximumText: Int
    /// `extraction.maximumPages`: of a PDF.
    package let maximumPages: Int
    /// `extraction.docx.maximumUnpacked`: bytes of a part of a DOCX when it is unpacked.
    package let maximumUnpacked: Int
    /// `extraction.html.maximumDepth`: of elements in each other.
    package let maximumHTMLDepth: Int
    /// `extraction.html.maximumNodes`: elements, texts and comments of a page.
    package let maximumHTMLNodes: Int
    /// `extraction.html.memory`: bytes that parsing a page may take.
    package let htmlMemory: Int
    /// `extraction.html.time`: how long parsing a page may take.
    package let htmlTime: Duration
    /// `extraction.pdf.memory`: bytes of the address space of the programs that read PDF.
    package let pdfMemory: Int
    /// `extraction.pdf.time`: how long such a program may take.
    package let pdfTime: Duration
    /// `extraction.email.maximumParts`.
    package let maximumEmailParts: Int
    /// `extraction.email.maximumDepth`: of parts in each other.
    package let maximumEmailDepth: Int
    /// `extraction.ocr`.
    package let ocr: OCR
  }

  /// How text in pictures is recognised.
  package struct OCR: Sendable {
    /// `extraction.ocr.languages`: Tesseract's names of them; none switches it off.
    package let languages: [String]
    /// `extraction.ocr.maximumPages`: of a PDF without a text layer.
    package let maximumPages: Int
    /// `extraction.ocr.pageTime`: how long rendering and recognising a page may take each.
    package let pageTime: Duration
    /// `extraction.ocr.time`: how long all pages of a file may take.
    package let time: Duration
    /// `extraction.ocr.memory`: bytes of the address space of each program.
    package let memory: Int
  }
}

extension ServerConfiguration.Extraction {
  init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    let memory = SettingForm<Int>.bytes((64 << 20)...(64 << 30))
    let time = SettingForm<Duration>.duration(.seconds(1)...(.seconds(3600)))
    maximumText = try reader.value("extraction.maximumText", .bytes(1024...(256 << 20)), default: 10 << 20)
    maximumPages = try reader.value("extraction.maximumPages", .integer(1...1_000_000), default: 10_000)
    maximumUnpacked = try reader.value(
      "extraction.docx.maximumUnpacked", .bytes((64 << 10)...(1 << 30)), default: 128 << 20)
    // Deeper pages would not find room on a thread's stack where their tree is walked.
    maximumHTMLDepth = try reader.value("extraction.html.maximumDepth", .integer(16...2048), default: 512)
    maximumHTMLNodes = try reader.value("extraction.html.maximumNodes", .integer(100...100_000_000), default: 1_000_000)
    htmlMemory = try reader.value("extraction.html.memory", .bytes((1 << 20)...(64 << 30)), default: 384 << 20)
    htmlTime = try reader.value("extraction.html.time", time, default: .seconds(10))
    pdfMemory = try reader.value("extraction.pdf.memory", memory, default: 1 << 30)
    pdfTime = try reader.value("extraction.pdf.time", time, default: .seconds(60))
    maximumEmailParts = try reader.value("extraction.email.maximumParts", .integer(1...100_000), default: 1000)
    maximumEmailDepth = try reader.value("extraction.email.maximumDepth", .integer(1...100), default: 20)
    ocr = try ServerConfiguration.OCR(&reader, memory: memory)
  }
}

extension ServerConfiguration.OCR {
  fileprivate init(_ reader: inout SettingsReader, memory form: SettingForm<Int>) throws(ConfigurationFailure) {
    languages = try reader.value(
      "extraction.ocr.languages", .list("a list of Tesseract's languages, such as eng or deu", where: Self.isLanguage),
      default: [])
    maximumPages = try reader.value("extraction.ocr.maximumPages", .integer(1...100_000), default: 200)
    pageTime = try reader.value(
      "extraction.ocr.pageTime", .duration(.seconds(1)...(.seconds(3600))), default: .seconds(60))
    time = try reader.value("extraction.ocr.time", .duration(.seconds(1)...(.seconds(86_400))), default: .seconds(1800))
    memory = try reader.value("extraction.ocr.memory", form, default: 1 << 30)
  }

  /// `eng`, `chi_sim` or `script/Latin`: the name of a file of Tesseract's, and of none beside its own.
  private static func isLanguage(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count <= 2
      && parts.allSatisfy { part in
        !part.isEmpty && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
      }
  }
}
