import Domain

/// The formats of pictures that text is recognised in.
enum PictureFormat: String, CaseIterable {
  case png = "a PNG image"
  case jpeg = "a JPEG image"
  case tiff = "a TIFF image"

  /// The format by the whole of its signature: Leptonica, which reads pictures for Tesseract, must see the same.
  init?(_ bytes: [UInt8]) {
    let found = Self.allCases.first { format in format.signatures.contains { bytes.starts(with: $0) } }
    guard let found else { return nil }
    self = found
  }

  /// The media type that the format has.
  var mediaType: MediaType {
    switch self {
    case .png: MediaType("image/png")
    case .jpeg: MediaType("image/jpeg")
    case .tiff: MediaType("image/tiff")
    }
  }

  private var signatures: [[UInt8]] {
    switch self {
    case .png: [[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]]
    case .jpeg: [[0xFF, 0xD8, 0xFF]]
    case .tiff: [[0x49, 0x49, 0x2A, 0x00], [0x4D, 0x4D, 0x00, 0x2A]]
    }
  }
}
