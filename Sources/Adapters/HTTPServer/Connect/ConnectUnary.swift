import Contract
import HTTPTypes
import NIOCore

/// A unary method on Connect, by POST: the body is the message, in JSON or binary, and the status tells errors.
///
/// Source: the Connect protocol reference, "Unary-Request" and "Unary-Response".
struct ConnectUnary: UnaryWire {
  /// The media types, and the formats that they name.
  static let formats: [String: MessageFormat] = ["application/json": .json, "application/proto": .binary]

  let format: MessageFormat
  private let request: ProcedureRequest

  /// Reads the head of a request in a format.
  init(head: RequestHead, format: MessageFormat, limit: Int) {
    self.format = format
    request = ProcedureRequest(head, limit: limit, sent: head[.contentEncoding], accepted: .acceptEncoding)
  }

  func timeout() throws(ContractError) -> Duration? {
    try CallTimeout.connect(request.head[.connectTimeout])
  }

  func read(from body: inout BodyReader) async throws -> IncomingMessage {
    try ConnectVersion.check(request.head)
    try ContentType.checkCharset(request.head)
    let coding = try request.compression().request
    guard coding == .gzip else {
      let bytes = try await body.collect(upTo: request.limit, declared: request.head.contentLength)
      return IncomingMessage(.encoded(Array(bytes.readableBytesView), format))
    }
    return IncomingMessage(.encoded(try await inflated(&body), format))
  }

  /// The inflated body. Neither it nor what comes over the connection may be longer than the limit.
  private func inflated(_ body: inout BodyReader) async throws -> [UInt8] {
    let limit = request.limit
    if let declared = request.head.contentLength, declared > limit { throw HTTPRefusal.tooLarge(limit: limit) }
    do {
      var inflater = try GzipInflater(limit: limit)
      var count = 0
      while let part = try await body.next() {
        count += part.readableBytes
        guard count <= limit else { throw HTTPRefusal.tooLarge(limit: limit) }
        try inflater.feed(Array(part.readableBytesView))
      }
      // A body of no bytes is not to be inflated.
      return count == 0 ? [] : try inflater.finish()
    } catch GzipInflater.Failure.tooLarge {
      throw HTTPRefusal.tooLarge(limit: limit)
    } catch let failure as GzipInflater.Failure {
      throw ContractError(failure, limit: limit, corrupt: .invalidArgument)
    }
  }

  func answer(_ message: OutgoingMessage) throws(ContractError) -> Answer {
    try Answer(connect: message, as: format, try request.compression())
  }

  func refusal(_ error: any Error) -> Answer { Answer(connect: error) }
}

/// Checks the version of the Connect protocol.
enum ConnectVersion {
  /// Refuses other versions than 1; who names none is welcome, so that curl need not.
  static func check(_ head: RequestHead) throws(ContractError) {
    if let version = head[.connectProtocolVersion], version != "1" {
      throw ContractError(.invalidArgument, "connect-protocol-version must be 1")
    }
  }
}

extension Answer {
  /// The answer of a unary method on Connect.
  init(connect message: OutgoingMessage, as format: MessageFormat, _ compression: Compression) throws(ContractError) {
    let (bytes, coding) = compression.answer(try message.encoded(as: format))
    self.init(json: bytes)
    if format == .binary { headers[.contentType] = "application/proto" }
    if coding != .identity { headers[.contentEncoding] = coding.rawValue }
    tellCodings()
  }

  /// An error of a unary method on Connect: JSON whatever the request was, and with the code's status.
  init(connect error: any Error) {
    self.init(any: error)
    tellCodings()
  }

  /// Says which codings a request may have, and that the answer's depends on what the client takes.
  private mutating func tellCodings() {
    headers[.acceptEncoding] = ContentCoding.supported
    headers[.vary] = "Accept-Encoding"
  }
}
