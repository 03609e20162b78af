import Contract
import HTTPTypes
import NIOCore

/// A method on gRPC-Web, unary or with a stream of answers: messages in envelopes, trailers in a last one, all of it in
/// Base64 where the client wants text.
///
/// Source: gRPC's PROTOCOL-WEB.md, and PROTOCOL-HTTP2.md where that one says nothing.
struct GRPCWebWire: UnaryWire, EnvelopedWire {
  /// What a media type says.
  struct Form: Sendable, Equatable {
    let format: MessageFormat
    let isText: Bool
  }

  /// The media types; without a suffix messages are binary.
  static let forms: [String: Form] = [
    "application/grpc-web": Form(format: .binary, isText: false),
    "application/grpc-web+proto": Form(format: .binary, isText: false),
    "application/grpc-web+json": Form(format: .json, isText: false),
    "application/grpc-web-text": Form(format: .binary, isText: true),
    "application/grpc-web-text+proto": Form(format: .binary, isText: true),
    "application/grpc-web-text+json": Form(format: .json, isText: true),
  ]

  /// What every media type of gRPC-Web begins with.
  static let prefix = "application/grpc-web"

  let form: Form
  private let request: ProcedureRequest

  /// Reads the head of a request in a form.
  init(head: RequestHead, form: Form, limit: Int) {
    self.form = form
    request = ProcedureRequest(head, limit: limit, sent: head[.grpcEncoding], accepted: .grpcAcceptEncoding)
  }

  /// A message that cannot be inflated is `internal` by gRPC's statuscodes.md.
  private func messages() throws(ContractError) -> EnvelopedMessages {
    EnvelopedMessages(
      format: form.format, compression: try request.compression(), limit: request.limit, corrupt: .internal)
  }

  /// Whether the answer is text: where the client asks for it by `Accept`, or has sent text and says nothing else.
  private var answersText: Bool {
    let accepted = request.head.headers[values: .accept].flatMap { $0.split(separator: ",") }.map {
      RequestHead.mediaType(String($0))
    }
    if accepted.contains(where: { $0.hasPrefix("application/grpc-web-text") }) { return true }
    return form.isText && !accepted.contains { $0.hasPrefix(Self.prefix) }
  }

  func timeout() throws(ContractError) -> Duration? { try CallTimeout.grpc(request.head[.grpcTimeout]) }

  func read(from body: inout BodyReader) async throws -> IncomingMessage {
    try ContentType.refuseCompressedBody(request.head)
    return try await messages().read(from: &body, text: form.isText ? Base64Reader(.standard) : nil)
  }

  var streamHeaders: HTTPFields {
    var headers = HTTPFields()
    headers[.contentType] =
      Self.prefix + (answersText ? "-text" : "") + (form.format == .json ? "+json" : "+proto")
    headers[.cacheControl] = "no-store"
    headers[.grpcAcceptEncoding] = "identity,\(ContentCoding.supported)"
    headers[.grpcEncoding] = request.announcedCoding
    return headers
  }

  func part(_ message: OutgoingMessage) throws(ContractError) -> ByteBuffer {
    coded(try messages().outgoing(message))
  }

  func end(_ error: ContractError?) -> ByteBuffer { coded(GRPCWebTrailers(error).envelope) }

  func answer(_ message: OutgoingMessage) throws(ContractError) -> Answer {
    var body = try part(message)
    body.writeImmutableBuffer(end(nil))
    var answer = Answer(type: "", body: body)
    answer.headers = streamHeaders
    return answer
  }

  /// Trailers alone, which travel in the header ("Trailers-only responses").
  func refusal(_ error: any Error) -> Answer {
    let error = ContractError(onWire: error)
    var answer = Answer(empty: .ok)
    answer.headers = streamHeaders
    for (name, value) in GRPCWebTrailers(error).fields { answer.headers[name] = value }
    answer.note(error)
    return answer
  }

  /// The bytes of an envelope; in text each is padded by itself, so that it is whole when it is sent.
  private func coded(_ envelope: Envelope) -> ByteBuffer {
    answersText ? ByteBuffer(string: Base64Text.of(envelope.bytes)) : envelope.buffer
  }
}
