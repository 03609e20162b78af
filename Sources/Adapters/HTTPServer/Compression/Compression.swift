import Contract

/// How the bytes of a message may be coded.
enum ContentCoding: String, CaseIterable, Sendable {
  /// As they are.
  case identity
  /// RFC 1952.
  case gzip

  /// The codings besides `identity`, as headers list them.
  static let supported = "gzip"
}

/// How a request is compressed, and how its answer may be.
///
/// Source: the Connect protocol reference, "Unary-Request", and gRPC's compression.md; both read alike.
struct Compression: Sendable, Equatable {
  /// Answers below this many bytes are sent as they are: a packet holds them anyway.
  static let minimumBytes = 1024

  /// How the request is coded.
  let request: ContentCoding
  /// How the answer may be coded.
  let response: ContentCoding

  /// No compression either way.
  static let none = Compression(request: .identity, response: .identity)

  private init(request: ContentCoding, response: ContentCoding) {
    self.request = request
    self.response = response
  }

  /// Reads what the client says.
  ///
  /// - Parameters:
  ///   - sent: the coding of the request; nothing means `identity`.
  ///   - accepted: the codings that the client takes. Weights do not count, but for 0. Who says nothing takes the
  ///     request's own.
  /// - Throws: `unimplemented` for a coding of the request that is not known, naming those that are.
  init(sent: String?, accepted: String?) throws(ContractError) {
    let name = sent.map { Self.trimmed($0).lowercased() } ?? ""
    guard let request = name.isEmpty ? .identity : ContentCoding(rawValue: name) else {
      throw ContractError(
        .unimplemented,
        "messages compressed by \(JSONText.quoted(String(name.prefix(40)))) cannot be read: "
          + "use \(ContentCoding.supported), or none")
    }
    self.init(request: request, response: accepted.map(Self.answer) ?? request)
  }

  /// The bytes of an answer, and how they are coded: compressed where the client takes it and they are not few.
  func answer(_ bytes: [UInt8]) -> (bytes: [UInt8], coding: ContentCoding) {
    guard response == .gzip, bytes.count >= Self.minimumBytes, let deflated = Gzip.deflate(bytes) else {
      return (bytes, .identity)
    }
    return (deflated, .gzip)
  }

  private static func answer(_ accepted: String) -> ContentCoding {
    for item in accepted.split(separator: ",") {
      let parts = item.split(separator: ";").map(trimmed)
      guard let name = parts.first?.lowercased(), name == ContentCoding.gzip.rawValue || name == "*" else { continue }
      let isRefused = parts.dropFirst().contains { parameter in
        let text = parameter.lowercased().filter { $0 != " " }
        return text.hasPrefix("q=") && Double(text.dropFirst(2)) == 0
      }
      if !isRefused { return .gzip }
    }
    return .identity
  }

  private static func trimmed(_ text: some StringProtocol) -> String {
    var rest = Substring(text)
    while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
    while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
    return String(rest)
  }
}
