/// Recognises formats that are not text by their first bytes.
enum BinarySignature {
  /// Each holds a byte that text does not begin with, or begins as no prose does, so that "ID3 tags" stays text.
  private static let signatures: [(name: String, bytes: [UInt8])] = [
    ("PostScript", Array("%!PS-Adobe".utf8)),
    ("RTF", Array("{\\rtf1".utf8)),
    ("an old Office file (.doc, .xls, .ppt)", [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]),
    ("a PNG image", [0x89, 0x50, 0x4E, 0x47]),
    ("a JPEG image", [0xFF, 0xD8, 0xFF]),
    ("a GIF image", Array("GIF87a".utf8)),
    ("a GIF image", Array("GIF89a".utf8)),
    ("an MP3 sound", Array("ID3\u{2}".utf8)),
    ("an MP3 sound", Array("ID3\u{3}".utf8)),
    ("an MP3 sound", Array("ID3\u{4}".utf8)),
    ("an Ogg file", Array("OggS\0".utf8)),
    ("a gzip archive", [0x1F, 0x8B]),
    ("an xz archive", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]),
    ("a Zstandard archive", [0x28, 0xB5, 0x2F, 0xFD]),
    ("a 7-Zip archive", [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]),
    ("a RAR archive", Array("Rar!\u{1A}".utf8)),
    ("a SQLite database", Array("SQLite format 3\0".utf8)),
    ("an ELF program", [0x7F, 0x45, 0x4C, 0x46]),
    ("a Windows program", [0x4D, 0x5A, 0x90, 0x00]),
  ]

  private static let zipContents: [(part: String, name: String)] = [
    ("word/document.xml", "DOCX"), ("xl/workbook.xml", "XLSX"), ("ppt/presentation.xml", "PPTX"),
    ("application/epub+zip", "EPUB"), ("application/vnd.oasis.opendocument", "an OpenDocument file"),
  ]

  /// The format's name for a message; `nil` when it may be text.
  static func name(of bytes: [UInt8]) -> String? {
    // PDF readers accept white space and a byte-order mark before the signature.
    let start = bytes.prefix(64).firstIndex { $0 > 0x20 && ![0xEF, 0xBB, 0xBF].contains($0) } ?? 0
    if bytes[start...].starts(with: Array("%PDF-".utf8)) { return "PDF" }
    if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) {
      // Entry names lie before their data and again in the directory at the end.
      let ends = bytes.prefix(65_536) + bytes.suffix(65_536)
      return zipContents.first { ends.firstRange(of: Array($0.part.utf8)) != nil }?.name ?? "a ZIP archive"
    }
    if bytes.starts(with: Array("RIFF".utf8)) {
      if bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) { return "a WebP image" }
      if bytes.dropFirst(8).starts(with: Array("WAVE".utf8)) { return "a WAVE sound" }
    }
    if bytes.first == 0, bytes.dropFirst(4).starts(with: Array("ftyp".utf8)) { return "an MP4 or HEIC file" }
    return signatures.first { bytes.starts(with: $0.bytes) }?.name
  }
}
