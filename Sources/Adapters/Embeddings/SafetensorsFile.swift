import FoundationEssentials

/// A file of named tensors, mapped into memory and checked wholly before the first of them is handed out.
///
/// Source: the safetensors format, https://github.com/huggingface/safetensors#format: eight bytes with the header's
/// length, little-endian; the header, a JSON object; then the tensors' bytes without gaps.
struct SafetensorsFile: Sendable {
  /// Longer headers are refused. The format allows 100 MB; 30,000 tensors fit into this.
  static let longestHeader = 4 << 20

  private struct Entry: Decodable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]
  }

  private struct Header: Decodable {
    var entries: [String: Entry] = [:]

    struct Key: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      for key in container.allKeys where key.stringValue != "__metadata__" {
        entries[key.stringValue] = try container.decode(Entry.self, forKey: key)
      }
    }
  }

  /// Bits an element, by the format's name of the type.
  private static let widths = [
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32,
    "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
  ]

  /// The mapping that the tensors lie in; it must live as long as they are used.
  let file: MappedFile
  private let entries: [String: Entry]
  /// Where the tensors' bytes begin in the file.
  private let dataStart: Int

  /// Checks the header of a mapped file: its length, its JSON, and that the tensors cover the data exactly.
  ///
  /// - Throws: `SafetensorsFailure`, naming the first fault.
  init(_ file: MappedFile) throws(SafetensorsFailure) {
    let bytes = file.bytes
    guard bytes.count >= 8 else { throw .truncated }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= Self.longestHeader else { throw .headerTooLong(length) }
    guard length <= bytes.count - 8 else { throw .truncated }
    let end = 8 + Int(length)
    do {
      entries = try JSONDecoder().decode(Header.self, from: Data(bytes[8..<end])).entries
    } catch {
      throw .malformedHeader
    }
    dataStart = end
    self.file = file
    let available = bytes.count - end
    var covered = 0
    for (name, entry) in entries.sorted(by: { $0.value.data_offsets.first ?? 0 < $1.value.data_offsets.first ?? 0 }) {
      covered = try Self.check(entry, name: name, covered: covered, available: available)
    }
    guard covered == available else { throw .uncoveredData(from: covered) }
  }

  /// The elements of a tensor of 32-bit floats, in place; they are valid as long as `file` lives.
  ///
  /// - Throws: `SafetensorsFailure` if there is none of this name, or of another type or shape, or not aligned.
  func floats(_ name: String, shape: [Int]) throws(SafetensorsFailure) -> UnsafeBufferPointer<Float> {
    guard let entry = entries[name] else { throw .missingTensor(name) }
    guard entry.dtype == "F32" else { throw .wrongType(name, found: entry.dtype) }
    guard entry.shape == shape else { throw .wrongShape(name, found: entry.shape, expected: shape) }
    let start = dataStart + entry.data_offsets[0], end = dataStart + entry.data_offsets[1]
    let tensor = UnsafeRawBufferPointer(rebasing: file.bytes[start..<end])
    guard start % MemoryLayout<Float>.alignment == 0 else { throw .misalignedTensor(name) }
    return tensor.bindMemory(to: Float.self)
  }

  /// The rows of a matrix whose height is not known beforehand.
  ///
  /// - Throws: `SafetensorsFailure` if there is none of this name or it is no matrix.
  func rows(of name: String) throws(SafetensorsFailure) -> Int {
    guard let entry = entries[name] else { throw .missingTensor(name) }
    guard entry.shape.count == 2 else { throw .wrongShape(name, found: entry.shape, expected: [-1, -1]) }
    return entry.shape[0]
  }

  /// Checks one tensor that must begin where the one before ended; returns where it ends.
  private static func check(
    _ entry: Entry,
    name: String,
    covered: Int,
    available: Int
  ) throws(SafetensorsFailure) -> Int {
    guard let width = widths[entry.dtype] else { throw .unknownType(name, entry.dtype) }
    guard entry.data_offsets.count == 2 else { throw .malformedHeader }
    let begin = entry.data_offsets[0], end = entry.data_offsets[1]
    guard begin >= 0, begin <= end, end <= available else { throw .outOfRange(name) }
    guard begin == covered else { throw begin < covered ? .overlap(name) : .uncoveredData(from: covered) }
    var size = width / 8
    for dimension in entry.shape {
      let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
      guard dimension >= 0, !overflow else { throw .sizeMismatch(name) }
      size = product
    }
    guard size == end - begin else { throw .sizeMismatch(name) }
    return end
  }
}
