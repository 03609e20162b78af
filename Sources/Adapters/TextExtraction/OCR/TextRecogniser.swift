import Application
import Confinement
import Domain
import FoundationEssentials

/// Recognises the text of scanned pages and of pictures with Tesseract, a page at a time, in processes of their own.
struct TextRecogniser {
  /// What has to be on the `PATH`, with the Debian package that has it.
  static let programs = [
    ("prlimit", "util-linux"), ("pdftoppm", "poppler-utils"), ("pdfimages", "poppler-utils"),
    ("tesseract", "tesseract-ocr"),
  ]
  /// What pages are rendered at, in dots an inch: what Tesseract's models are made for.
  static let resolution = 300
  /// The longest side of a rendered page in pixels, which a larger sheet is scaled down to: 42 cm at ``resolution``.
  static let longestSide = 5_000

  let settings: OCRSettings
  let limits: ExtractionLimits

  /// The text of a PDF's pages, each with a form feed behind it.
  ///
  /// - Throws: `.invalid` beyond a limit or for a page that cannot be rendered, `.unsupported` where it is off or
  ///   something is not installed, `.cancelled`.
  func read(pdf bytes: [UInt8]) async throws(ExtractionFailure) -> [UInt8] {
    let why = "the PDF has no text layer"
    try check(why)
    let pages = try await PDFInformation.pageSizes(of: bytes, upTo: settings.maximumPages, limits: limits)
    guard let pages else { throw .invalid("the PDF is broken: it cannot be read") }
    guard pages.count <= settings.maximumPages else {
      throw .invalid("\(why), and \(pages.count) pages; OCR reads \(settings.maximumPages) at most: split the document")
    }
    let numbers = Array(1...pages.count)
    let texts = try await recognised(bytes, numbers, pages.longerSides)
    return numbers.flatMap { (texts[$0] ?? []) + [PageFurniture.pageBreak] }
  }

  /// The text of some pages of a PDF, by their numbers.
  ///
  /// - Parameter numbers: counted from 1; at least one.
  /// - Throws: as ``read(pdf:)``.
  func read(pages numbers: [Int], of bytes: [UInt8]) async throws(ExtractionFailure) -> [Int: [UInt8]] {
    let why = "the PDF has scanned pages without text, such as page \(numbers[0])"
    try check(why)
    guard numbers.count <= settings.maximumPages else {
      throw .invalid("\(why), \(numbers.count) in all; OCR reads \(settings.maximumPages) at most: split the document")
    }
    let last = numbers.max() ?? 1
    let pages = try await PDFInformation.pageSizes(of: bytes, upTo: last, limits: limits)
    guard let pages, pages.count >= last else { throw .invalid("the PDF is broken: it cannot be read") }
    return try await recognised(bytes, numbers, numbers.map { pages.longerSides[$0 - 1] })
  }

  /// The text of pages by their numbers, within the time for all of them.
  private func recognised(
    _ bytes: [UInt8], _ numbers: [Int], _ longerSides: [Double]
  ) async throws(ExtractionFailure) -> [Int: [UInt8]] {
    let texts = try await withTimeLimit(settings.maximumTime) { () throws(ExtractionFailure) in
      var (texts, count): ([Int: [UInt8]], Int) = ([:], 0)
      for (number, size) in zip(numbers, longerSides) {
        let image = try await rendered(bytes, page: number, longerSide: size)
        let text = try await recognised(
          image, "page \(number)", time: settings.maximumPageTime, options: ["--dpi", "\(Self.resolution)"])
        // What parts pages is no part of a page.
        texts[number] = text.filter { $0 != PageFurniture.pageBreak }
        count += text.count + 1
        try limits.checkText(count)
      }
      return texts
    }
    guard let texts else {
      throw .invalid("recognising its text takes longer than \(settings.maximumTime): split the document")
    }
    return texts
  }

  /// The text of a picture; form feeds part the pages of a TIFF.
  ///
  /// - Parameters:
  ///   - bytes: what has the signature of its format: Tesseract takes what it does not know as a picture for a list of
  ///     files to read.
  ///   - format: the format.
  /// - Throws: as `read(pdf:)`.
  func read(picture bytes: [UInt8], as format: PictureFormat) async throws(ExtractionFailure) -> [UInt8] {
    guard PictureFormat(bytes) == format else { throw .invalid("the file is not \(format.rawValue)") }
    try check("\(format.rawValue) has no text but in its picture")
    // A TIFF may have many pages, which are recognised in one go.
    let time = format == .tiff ? settings.maximumTime : settings.maximumPageTime
    return try await recognised(bytes, "the picture", time: time)
  }

  /// - Throws: `.unsupported` when recognition is off or a program is missing.
  private func check(_ why: String) throws(ExtractionFailure) {
    guard settings.isOn else { throw .unsupported("\(why); OCR is off on this server") }
    if let missing = Self.programs.first(where: { !ConfinedProcess.isInstalled($0.0) }) {
      throw .unsupported("\(why); \(missing.0) is not installed, which OCR needs (Debian: \(missing.1))")
    }
  }

  /// A page as a picture in shades of gray (PGM).
  private func rendered(
    _ pdf: [UInt8], page: Int, longerSide: Double
  ) async throws(ExtractionFailure) -> [UInt8] {
    var tool = ConfinedTool(
      name: "pdftoppm", package: "poppler-utils", time: settings.maximumPageTime, memory: settings.maximumMemory)
    tool.task = "rendering page \(page)"
    tool.product = "page \(page) as a picture"
    // There are 72 points in an inch.
    let pixels = min(max(longerSide / 72 * Double(Self.resolution), 1), Double(Self.longestSide))
    let output = try await tool.run(
      [
        "-q", "-gray", "-cropbox", "-f", "\(page)", "-l", "\(page)", "-scale-to", "\(Int(pixels.rounded(.up)))", "-",
      ], input: pdf, maximumOutput: Self.longestSide * Self.longestSide + 1_024)
    guard output.isSuccess, output.bytes.starts(with: Array("P5".utf8)) else {
      throw .invalid("page \(page) of the PDF cannot be rendered")
    }
    return output.bytes
  }

  private func recognised(
    _ image: [UInt8], _ what: String, time: Duration, options: [String] = []
  ) async throws(ExtractionFailure) -> [UInt8] {
    var tool = ConfinedTool(
      name: "tesseract", package: "tesseract-ocr", time: time, memory: settings.maximumMemory)
    tool.task = "recognising \(what)"
    tool.environment = Self.environment
    let output = try await tool.run(
      ["stdin", "stdout", "-l", settings.languages.joined(separator: "+")] + options, input: image,
      maximumOutput: limits.maximumTextBytes)
    guard output.isSuccess else {
      let missing = try await missingLanguages()
      guard missing.isEmpty else {
        throw .unsupported("tesseract has not the language \(missing[0]) on this server, which its OCR is set to")
      }
      throw .invalid("\(what) cannot be read: it is broken, or larger than OCR has memory for")
    }
    return output.bytes
  }

  /// The languages that are set, but not installed.
  func missingLanguages() async throws(ExtractionFailure) -> [String] {
    var tool = ConfinedTool(
      name: "tesseract", package: "tesseract-ocr", time: .seconds(20), memory: settings.maximumMemory)
    tool.environment = Self.environment
    let output = try await tool.run(["--list-langs"], input: [], maximumOutput: 1 << 20)
    let installed = Set(String(decoding: output.bytes, as: UTF8.self).split(separator: "\n").map(String.init))
    return settings.languages.filter { !installed.contains($0) }
  }

  /// One thread each, for the workers run at once; and where the operator keeps the models.
  private static var environment: [String: String] {
    let folder = ProcessInfo.processInfo.environment["TESSDATA_PREFIX"]
    return ["OMP_THREAD_LIMIT": "1"].merging(folder.map { ["TESSDATA_PREFIX": $0] } ?? [:]) { one, _ in one }
  }
}
