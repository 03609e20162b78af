import Contract
import HTTPTypes
import NIOCore

/// A method that answers with a stream on Connect: messages in envelopes, and a last one that tells how it ended.
///
/// The status is always 200, also of a call that fails before its first message.
///
/// Source: the Connect protocol reference, "Streaming-Request" and "Streaming-Response".
struct ConnectStream: EnvelopedWire {
  /// The media types, and the formats that they name.
  static let formats: [String: MessageFormat] = [
    "application/connect+json": .json, "application/connect+proto": .binary,
  ]
  /// The flag of the last envelope.
  static let endOfStream: UInt8 = 0b0000_0010

  let format: MessageFormat
  private let request: ProcedureRequest

  /// Reads the head of a request in a format.
  init(head: RequestHead, format: MessageFormat, limit: Int) {
    self.format = format
    request = ProcedureRequest(
      head, limit: limit, sent: head[.connectContentEncoding], accepted: .connectAcceptEncoding)
  }

  private func messages() throws(ContractError) -> EnvelopedMessages {
    EnvelopedMessages(
      format: format, compression: try request.compression(), limit: request.limit, corrupt: .invalidArgument)
  }

  private var mediaType: String { format == .json ? "application/connect+json" : "application/connect+proto" }

  func timeout() throws(ContractError) -> Duration? {
    try CallTimeout.connect(request.head[.connectTimeout])
  }

  func read(from body: inout BodyReader) async throws -> IncomingMessage {
    try ConnectVersion.check(request.head)
    try ContentType.refuseCompressedBody(request.head)
    return try await messages().read(from: &body)
  }

  var streamHeaders: HTTPFields {
    var headers = HTTPFields()
    headers[.contentType] = mediaType
    headers[.cacheControl] = "no-store"
    headers[.connectAcceptEncoding] = ContentCoding.supported
    headers[.connectContentEncoding] = request.announcedCoding
    return headers
  }

  func part(_ message: OutgoingMessage) throws(ContractError) -> ByteBuffer {
    try messages().outgoing(message).buffer
  }

  func end(_ error: ContractError?) -> ByteBuffer {
    let message = error.map { Array(#"{"error":"#.utf8) + $0.json + [UInt8(ascii: "}")] } ?? Array("{}".utf8)
    return Envelope(flags: Self.endOfStream, payload: message).buffer
  }

  func refusal(_ error: any Error) -> Answer {
    let error = ContractError(onWire: error)
    var answer = Answer(type: mediaType, body: end(error))
    answer.headers = streamHeaders
    answer.note(error)
    return answer
  }
}
