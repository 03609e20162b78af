import Foundation

/// Makes files of formats that are not text, as small as they can be.
enum FormatFixture {
  /// A ZIP archive whose entries are stored as they are.
  static func zip(_ entries: [(name: String, content: String)]) -> [UInt8] {
    var (archive, directory) = ([UInt8](), [UInt8]())
    for entry in entries {
      let (name, content) = (Array(entry.name.utf8), Array(entry.content.utf8))
      let common =
        words(20, 0, 0, 0, 0) + long(checksum(content)) + long(UInt32(content.count)) + long(UInt32(content.count))
        + words(UInt16(name.count), 0)
      directory +=
        long(0x0201_4B50) + words(20) + common + words(0, 0, 0) + long(0) + long(UInt32(archive.count)) + name
      archive += long(0x0403_4B50) + common + name + content
    }
    let end =
      long(0x0605_4B50) + words(0, 0, UInt16(entries.count), UInt16(entries.count)) + long(UInt32(directory.count))
      + long(UInt32(archive.count)) + words(0)
    return archive + directory + end
  }

  /// A DOCX of the inside of `<w:body>`.
  static func docx(_ body: String, styles: String? = nil, title: String? = nil) -> [UInt8] {
    let space = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\""
    var entries = [("word/document.xml", "<w:document \(space)><w:body>\(body)</w:body></w:document>")]
    if let styles { entries.append(("word/styles.xml", "<w:styles \(space)>\(styles)</w:styles>")) }
    if let title {
      entries.append(
        ("docProps/core.xml", "<p xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>\(title)</dc:title></p>"))
    }
    return zip(entries)
  }

  /// A paragraph of a DOCX.
  static func paragraph(_ text: String, _ properties: String = "") -> String {
    "<w:p><w:pPr>\(properties)</w:pPr><w:r><w:t xml:space=\"preserve\">\(text)</w:t></w:r></w:p>"
  }

  /// A PDF with a page for each list of lines, in Helvetica.
  static func pdf(_ pages: [[String]], title: String? = nil) -> [UInt8] {
    var objects = ["<</Type/Catalog/Pages 2 0 R>>", ""]
    objects.append("<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
    objects.append("<</Title(\(title ?? ""))>>")
    var kids: [String] = []
    for lines in pages {
      let shown = lines.map { $0.isEmpty ? "0 -40 Td" : "0 -14 Td (\($0)) Tj" }.joined(separator: "\n")
      let content = "BT /F1 12 Tf 72 770 Td\n\(shown)\nET"
      objects.append("<</Length \(content.utf8.count)>>stream\n\(content)\nendstream")
      objects.append(
        """
        <</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents \(objects.count) 0 R>>
        """)
      kids.append("\(objects.count) 0 R")
    }
    objects[1] = "<</Type/Pages/Count \(pages.count)/Kids[\(kids.joined(separator: " "))]>>"
    var (file, places) = ("%PDF-1.4\n", [Int]())
    for (index, object) in objects.enumerated() {
      places.append(file.utf8.count)
      file += "\(index + 1) 0 obj\n\(object)\nendobj\n"
    }
    let start = file.utf8.count
    file += "xref\n0 \(objects.count + 1)\n0000000000 65535 f \n"
    for place in places { file += String(repeating: "0", count: 10 - "\(place)".count) + "\(place) 00000 n \n" }
    file += "trailer<</Size \(objects.count + 1)/Root 1 0 R/Info 4 0 R>>\nstartxref\n\(start)\n%%EOF\n"
    return Array(file.utf8)
  }

  private static func words(_ values: UInt16...) -> [UInt8] { values.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] } }

  private static func long(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }

  /// CRC-32 as ZIP has it.
  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }
  }
}
