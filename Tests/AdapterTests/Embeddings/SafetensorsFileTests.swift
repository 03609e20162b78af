import FoundationEssentials
import Testing

@testable import Embeddings

@Suite("A safetensors file")
struct SafetensorsFileTests {
  private static let header = #"{"__metadata__":{"a":"b"},"t":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}"#

  /// The bytes of a file with a header padded to `alignment`, and `data` zeros after it.
  private static func bytes(_ header: String, data: Int, length: UInt64? = nil, alignment: Int = 8) -> [UInt8] {
    var text = Array(header.utf8)
    while (text.count + 8) % 8 != alignment % 8 { text.append(UInt8(ascii: " ")) }
    let prefix = withUnsafeBytes(of: (length ?? UInt64(text.count)).littleEndian) { Array($0) }
    return prefix + text + Array(repeating: 0, count: data)
  }

  private static func open(_ bytes: [UInt8]) throws -> SafetensorsFile {
    let path = FileManager.default.temporaryDirectory.appending(path: "tensors-\(UUID().uuidString)")
    try Data(bytes).write(to: path)
    defer { try? FileManager.default.removeItem(at: path) }
    return try SafetensorsFile(MappedFile(path: path.path))
  }

  private static func tensor(_ type: String = "F32", _ shape: String = "[2,1]", _ offsets: String = "[0,8]") -> String {
    #"{"t":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}}"#
  }

  @Test("hands out a tensor of the name, type and shape asked for, and no other")
  func checksWhatIsAskedFor() throws {
    let file = try Self.open(Self.bytes(Self.header, data: 8))
    #expect(try Array(file.floats("t", shape: [2, 1])) == [0, 0])
    #expect(try file.rows(of: "t") == 2)
    #expect(throws: SafetensorsFailure.missingTensor("u")) { try file.floats("u", shape: [2]) }
    #expect(throws: SafetensorsFailure.wrongShape("t", found: [2, 1], expected: [1, 2])) {
      try file.floats("t", shape: [1, 2])
    }
    let half = try Self.open(Self.bytes(Self.tensor("F16", "[4]"), data: 8))
    #expect(throws: SafetensorsFailure.wrongType("t", found: "F16")) { try half.floats("t", shape: [4]) }
    #expect(throws: SafetensorsFailure.wrongShape("t", found: [4], expected: [-1, -1])) { try half.rows(of: "t") }
    let odd = try Self.open(Self.bytes(Self.header, data: 8, alignment: 3))
    #expect(throws: SafetensorsFailure.misalignedTensor("t")) { try odd.floats("t", shape: [2, 1]) }
  }

  @Test(
    "is refused where it is cut short, lies about its header or its tensors do not fit its data",
    arguments: [
      ([], .truncated),
      ([1, 0, 0, 0, 0, 0, 0], .truncated),
      (bytes(header, data: 8, length: 4000), .truncated),
      (bytes(header, data: 8, length: 4 << 20), .truncated),
      (bytes(header, data: 8, length: 4 << 20 + 1), .headerTooLong(4 << 20 + 1)),
      (bytes(header, data: 8, length: .max), .headerTooLong(.max)),
      (bytes("", data: 0), .malformedHeader),
      (bytes("[]", data: 0), .malformedHeader),
      (bytes(#"{"t":{"dtype":"F32","shape":[1]}}"#, data: 4), .malformedHeader),
      (bytes(tensor("F32", "[2.5]"), data: 8), .malformedHeader),
      (bytes(tensor("F32", "[2]", "[0,8,9]"), data: 8), .malformedHeader),
      (bytes(tensor("F33"), data: 8), .unknownType("t", "F33")),
      (bytes(tensor(), data: 7), .outOfRange("t")),
      (bytes(tensor("F32", "[2]", "[8,0]"), data: 8), .outOfRange("t")),
      (bytes(tensor("F32", "[2]", "[-8,0]"), data: 8), .outOfRange("t")),
      (bytes(tensor("F32", "[1]"), data: 8), .sizeMismatch("t")),
      (bytes(tensor("F32", "[-2,-1]"), data: 8), .sizeMismatch("t")),
      (bytes(tensor("F32", "[4611686018427387904,4]"), data: 8), .sizeMismatch("t")),
      (bytes(tensor(), data: 9), .uncoveredData(from: 8)),
      (bytes(tensor("F32", "[1]", "[4,8]"), data: 8), .uncoveredData(from: 0)),
      (
        bytes(
          #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}}"#,
          data: 8
        ), .overlap("b")
      ),
    ] as [([UInt8], SafetensorsFailure)]
  )
  func refusesBrokenFiles(bytes: [UInt8], failure: SafetensorsFailure) {
    #expect(throws: failure) { try Self.open(bytes) }
  }
}
