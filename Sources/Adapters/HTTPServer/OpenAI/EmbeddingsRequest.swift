import Application
import Domain
import FoundationEssentials
import JSONValues

/// The body of `POST /v1/embeddings`.
///
/// Source: OpenAI API reference, "Create embeddings".
struct EmbeddingsRequest: Decodable {
  /// The most texts of a request.
  static let maximumTexts = 2_048

  let model: String
  let input: JSONValue
  let encoding_format: String?
  let dimensions: WholeNumber?

  /// The texts.
  ///
  /// - Throws: an ``OpenAIError`` for what are no texts.
  func texts() throws(OpenAIError) -> [String] {
    let texts: [String]
    switch input {
    case .string(let text): texts = [text]
    case .array(let items):
      texts = items.compactMap { if case .string(let text) = $0 { text } else { nil } }
      guard texts.count == items.count else {
        throw .invalid("input", "input must be a text or a list of texts: tokens are not taken")
      }
    default: throw .invalid("input", "input must be a text or a list of texts")
    }
    try Sampling.refuse(
      texts.isEmpty || texts.count > Self.maximumTexts, "input", "must be 1 to \(Self.maximumTexts) texts")
    try Sampling.refuse(texts.contains(""), "input", "must not be empty")
    return texts
  }

  /// Whether vectors are wanted in Base64.
  ///
  /// - Throws: an ``OpenAIError`` for another format.
  func isBase64() throws(OpenAIError) -> Bool {
    switch encoding_format {
    case nil, "float": return false
    case "base64": return true
    default: throw .invalid("encoding_format", "encoding_format must be float or base64")
    }
  }

  /// A vector as it is answered: numbers, or the Base64 of their 32 bits each, little-endian.
  static func json(_ vector: Embedding, isBase64: Bool) -> JSONValue {
    guard isBase64 else { return .array(vector.values.map { .number(Double($0)) }) }
    let bytes = vector.values.flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
    }
    return .string(Data(bytes).base64EncodedString())
  }
}
