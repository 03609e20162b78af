import Foundation
import Testing

@testable import TextExtraction

/// Pictures of pages, as a scanner makes them.
struct ScannedPage {
  let width: Int
  let height: Int
  /// A byte a pixel, 0 is black.
  let pixels: [UInt8]

  /// The pages of a PDF, rendered.
  static func pages(_ pages: [[String]], resolution: Int = 150) async throws -> [ScannedPage] {
    let pdf = FormatFixture.pdf(pages)
    var scans: [ScannedPage] = []
    for page in 1...pages.count {
      scans.append(try #require(ScannedPage(pgm: try await render(pdf, page, resolution, "-gray"))))
    }
    return scans
  }

  /// The first page of a PDF in a format that `pdftoppm` writes: `-png`, `-jpeg`.
  static func picture(_ lines: [String], _ format: String) async throws -> [UInt8] {
    try await render(FormatFixture.pdf([lines]), 1, 150, format)
  }

  private static func render(_ pdf: [UInt8], _ page: Int, _ resolution: Int, _ format: String) async throws -> [UInt8] {
    let tool = ConfinedTool(name: "pdftoppm", package: "poppler-utils", time: .seconds(60), memory: 1 << 30)
    let options = ["-q", format, "-r", "\(resolution)", "-f", "\(page)", "-l", "\(page)", "-"]
    return try await tool.run(options, input: pdf, maximumOutput: 64 << 20).bytes
  }

  /// Reads a binary PGM without comments.
  private init?(pgm bytes: [UInt8]) {
    let fields = bytes.split(maxSplits: 4, omittingEmptySubsequences: false) { $0 <= 0x20 }
    guard fields.count == 5, fields[0].elementsEqual(Array("P5".utf8)),
      let width = Int(String(decoding: fields[1], as: UTF8.self)),
      let height = Int(String(decoding: fields[2], as: UTF8.self)), fields[4].count == width * height
    else { return nil }
    (self.width, self.height, pixels) = (width, height, Array(fields[4]))
  }
}

extension FormatFixture {
  /// A PDF whose pages are pictures and nothing else, on sheets with a longer side of `side` points.
  ///
  /// - Parameter typed: pages, by their index, that have this text instead of their picture.
  static func scannedPDF(_ pages: [ScannedPage], side: Int = 842, typed: [Int: String] = [:]) -> [UInt8] {
    var objects: [[UInt8]] = [Array("<</Type/Catalog/Pages 2 0 R>>".utf8), []]
    var kids: [String] = []
    for (index, page) in pages.enumerated() {
      let number = objects.count
      objects.append(
        Array(
          """
          <</Type/XObject/Subtype/Image/Width \(page.width)/Height \(page.height)/ColorSpace/DeviceGray\
          /BitsPerComponent 8/Length \(page.pixels.count)>>stream\n
          """.utf8) + page.pixels + Array("\nendstream".utf8))
      let content =
        typed[index].map { "BT /F 12 Tf 72 \(side - 72) Td (\($0)) Tj ET" }
        ?? "q \(side * page.width / page.height) 0 0 \(side) 0 0 cm /I Do Q"
      objects.append(Array("<</Length \(content.utf8.count)>>stream\n\(content)\nendstream".utf8))
      let box = "0 0 \(side * page.width / page.height) \(side)"
      objects.append(
        Array(
          """
          <</Type/Page/Parent 2 0 R/MediaBox[\(box)]/Resources<</XObject<</I \(number + 1) 0 R>>\
          /Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>\
          /Contents \(number + 2) 0 R>>
          """.utf8))
      kids.append("\(objects.count) 0 R")
    }
    objects[1] = Array("<</Type/Pages/Count \(pages.count)/Kids[\(kids.joined(separator: " "))]>>".utf8)
    var (file, places) = (Array("%PDF-1.4\n".utf8), [Int]())
    for (index, object) in objects.enumerated() {
      places.append(file.count)
      file += Array("\(index + 1) 0 obj\n".utf8) + object + Array("\nendobj\n".utf8)
    }
    let table = places.map { String(repeating: "0", count: 10 - "\($0)".count) + "\($0) 00000 n \n" }.joined()
    let end = "xref\n0 \(objects.count + 1)\n0000000000 65535 f \n\(table)"
    let trailer = "trailer<</Size \(objects.count + 1)/Root 1 0 R>>\nstartxref\n\(file.count)\n%%EOF\n"
    return file + Array((end + trailer).utf8)
  }

  /// A TIFF of several pages, not compressed (TIFF 6.0, sections 2 and 4).
  static func tiff(_ pages: [ScannedPage]) -> [UInt8] {
    func long(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
    var file = Array("II*".utf8) + [0] + long(8)
    for (index, page) in pages.enumerated() {
      // Width, height, bits, no compression, black is 0, where the pixels are, one sample, rows, bytes.
      let directory = 2 + 9 * 12 + 4
      let pixels = file.count + directory
      let entries: [(tag: Int, value: Int)] = [
        (256, page.width), (257, page.height), (258, 8), (259, 1), (262, 1), (273, pixels), (277, 1),
        (278, page.height), (279, page.pixels.count),
      ]
      file += [9, 0]
      for entry in entries { file += Array(long(entry.tag)[..<2]) + [4, 0] + long(1) + long(entry.value) }
      file += long(index + 1 < pages.count ? pixels + page.pixels.count : 0) + page.pixels
    }
    return file
  }
}
