import Application
import Domain

@testable import TextExtraction

/// The defaults, with less memory and time, so that what reaches for a limit is found before libFuzzer's own.
private var limits: ExtractionLimits {
  var limits = ExtractionLimits()
  limits.maximumHTMLMemory = 128 << 20
  limits.maximumHTMLTime = .seconds(5)
  limits.maximumInflatedBytes = 16 << 20
  return limits
}

func fuzzHTML(_ bytes: [UInt8]) {
  guard let source = text(of: bytes) else { return }
  let extracted = wait { () -> ExtractedText? in try? await HTMLReader(limits: limits).read(source) }
  if let extracted { check(extracted) }
}

func fuzzEmail(_ bytes: [UInt8]) {
  _ = EmailReader.matches(bytes)
  let extracted = wait { () -> ExtractedText? in try? await EmailReader(limits: limits).read(bytes) }
  if let extracted { check(extracted) }
}

/// An even first byte: the archive as it is. An odd one: the document, then behind a byte that no XML has the styles and
/// the properties, in an archive that is whole, since no fuzzer finds checksums.
func fuzzDOCX(_ bytes: [UInt8]) {
  guard let first = bytes.first else { return }
  var archive = Array(bytes.dropFirst())
  if !first.isMultiple(of: 2) {
    let names = ["word/document.xml", "word/styles.xml", "docProps/core.xml"]
    let parts = archive.split(separator: 0xFF, maxSplits: names.count - 1, omittingEmptySubsequences: false)
    archive = StoredArchive.bytes(zip(names, parts).map { ($0, Array($1)) })
  }
  let whole = archive
  let extracted = wait { () -> ExtractedText? in try? await DOCXReader(limits: limits).read(whole) }
  if let extracted { check(extracted) }
}

/// A ZIP archive whose entries are stored as they are.
private enum StoredArchive {
  static func bytes(_ entries: [(name: String, content: [UInt8])]) -> [UInt8] {
    var (archive, directory) = ([UInt8](), [UInt8]())
    for entry in entries {
      let (name, size) = (Array(entry.name.utf8), UInt32(entry.content.count))
      let common =
        words(20, 0, 0, 0, 0) + long(checksum(entry.content)) + long(size) + long(size) + words(UInt16(name.count), 0)
      directory +=
        long(0x0201_4B50) + words(20) + common + words(0, 0, 0) + long(0) + long(UInt32(archive.count)) + name
      archive += long(0x0403_4B50) + common + name + entry.content
    }
    let counts = words(0, 0, UInt16(entries.count), UInt16(entries.count))
    let end = long(0x0605_4B50) + counts + long(UInt32(directory.count)) + long(UInt32(archive.count)) + words(0)
    return archive + directory + end
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
