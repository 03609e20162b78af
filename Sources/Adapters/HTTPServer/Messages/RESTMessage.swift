import Contract
import HTTPTypes
import NIOCore

/// Reads a request on a REST path as a message, and writes the answer.
struct RESTMessage: UnaryWire {
  let binding: Binding
  let head: RequestHead
  /// What the gaps of the path hold, still encoded.
  let values: [Substring]
  let limits: HTTPLimits

  /// REST has no bound that a client could set.
  func timeout() -> Duration? { nil }

  func refusal(_ error: any Error) -> Answer { Answer(any: error) }

  func read(from body: inout BodyReader) async throws -> IncomingMessage {
    let parameters = try parameters()
    guard binding.verb.hasBody else {
      guard body.isAtEnd else {
        throw ContractError(.invalidArgument, "a \(binding.verb.rawValue) takes no body: use the query")
      }
      return IncomingMessage(.none, parameters: parameters)
    }
    if binding.extra == .upload, head.mediaType == "multipart/form-data" {
      let message = try await SubmissionUpload(limits: limits).read(from: &body, head: head)
      return IncomingMessage(.message(message), parameters: parameters)
    }
    try ContentType.check(head, is: ["application/json"], unlessEmpty: body.isAtEnd)
    let bytes = try await body.collect(upTo: limits.bytes(for: binding.bodyLimit), declared: head.contentLength)
    guard bytes.readableBytes > 0 else { return IncomingMessage(.none, parameters: parameters) }
    return IncomingMessage(.encoded(Array(bytes.readableBytesView), .json), parameters: parameters)
  }

  /// The id of the last event that a client has seen of the stream that it takes up, 0 for none; what is no number is
  /// refused when the message is read.
  var lastEventID: Int {
    guard binding.extra == .lastEventID else { return 0 }
    let given =
      lastEventHeader ?? PercentEncoding.query(head.query)?.last { $0.name == Self.lastEventField }?.value
    return given.flatMap { UInt32($0) }.map { Int($0) } ?? 0
  }

  /// What `Last-Event-ID` says, where the path takes it; a client without a last event may send it empty.
  private var lastEventHeader: String? {
    guard binding.extra == .lastEventID, let value = head[.lastEventID], !value.isEmpty else { return nil }
    return value
  }

  private static let lastEventField = "lastEventId"

  private func parameters() throws -> MessageParameters? {
    let names = PathTemplate(binding.path).names
    var path: [(name: String, value: String)] = []
    for (name, value) in zip(names, values) {
      guard let decoded = PercentEncoding.decode(value) else { throw HTTPRefusal.noSuchPath() }
      path.append((name, decoded))
    }
    guard var query = PercentEncoding.query(head.query) else {
      throw ContractError(.invalidArgument, "the query is not percent-encoded UTF-8")
    }
    if binding.verb.hasBody, let first = query.first {
      let name = JSONText.quoted(String(first.name.prefix(100)))
      throw ContractError(.invalidArgument, "there is no query parameter \(name): fields go into the body")
    }
    if let last = lastEventHeader {
      // A client that connects again by itself sends the header with an address that may hold an older one.
      query.removeAll { $0.name == Self.lastEventField }
      query.append((Self.lastEventField, last))
    }
    guard !path.isEmpty || !query.isEmpty else { return nil }
    return try MessageParameters(of: binding.input, path: path, query: query)
  }

  /// The answer of a method with one message.
  func answer(_ message: OutgoingMessage) throws(ContractError) -> Answer {
    if binding.extra == .plainText, let response = message.message as? any PlainTextResponse {
      var answer = Answer(type: "text/plain; charset=utf-8", body: ByteBuffer(string: response.plainText))
      let tag = "\"\(response.entityTag)\""
      answer.headers[.eTag] = tag
      // A revision never changes, but who may read it does.
      answer.headers[.cacheControl] = "private, no-cache"
      if head[.ifNoneMatch].map({ EntityTag.matches(tag, in: $0) }) ?? false {
        answer.status = .notModified
        answer.body = ByteBuffer()
      }
      return answer
    }
    return Answer(json: try message.encoded(as: .json))
  }
}

/// Compares entity tags.
enum EntityTag {
  /// Whether `If-None-Match` holds a tag, by weak comparison (RFC 9110 §8.8.3.2).
  static func matches(_ tag: String, in field: String) -> Bool {
    field.split(separator: ",").contains { candidate in
      let text = candidate.filter { $0 != " " }
      return text == "*" || text == tag || text == "W/" + tag
    }
  }
}
