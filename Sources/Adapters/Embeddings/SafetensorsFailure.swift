/// Why a file of tensors is refused.
enum SafetensorsFailure: Error, Hashable, CustomStringConvertible {
  case truncated
  case headerTooLong(UInt64)
  case malformedHeader
  case unknownType(String, String)
  case outOfRange(String)
  case overlap(String)
  case uncoveredData(from: Int)
  case sizeMismatch(String)
  case missingTensor(String)
  case wrongType(String, found: String)
  case wrongShape(String, found: [Int], expected: [Int])
  case misalignedTensor(String)

  /// The fault in words.
  var description: String {
    switch self {
    case .truncated: "it ends within its header"
    case .headerTooLong(let length): "its header of \(length) bytes is over \(SafetensorsFile.longestHeader)"
    case .malformedHeader: "its header is not the JSON of the format"
    case .unknownType(let name, let type): "the tensor \(name) has the unknown type \(type)"
    case .outOfRange(let name): "the tensor \(name) lies outside the file"
    case .overlap(let name): "the tensor \(name) overlaps another"
    case .uncoveredData(let offset): "no tensor covers the data from byte \(offset)"
    case .sizeMismatch(let name): "the tensor \(name) has more or fewer bytes than its shape"
    case .missingTensor(let name): "the tensor \(name) is missing"
    case .wrongType(let name, let found): "the tensor \(name) is of type \(found), not F32"
    case .wrongShape(let name, let found, let expected):
      "the tensor \(name) has the shape \(found), not \(expected)"
    case .misalignedTensor(let name): "the tensor \(name) is not aligned to its elements"
    }
  }
}
