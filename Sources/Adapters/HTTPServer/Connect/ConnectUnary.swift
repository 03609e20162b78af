import Contract
import HTTPTypes
import NIOCore

/// Reads a request of the Connect protocol as a message, and writes the answer: unary methods, JSON and binary.
///
/// Source: the Connect protocol reference, "Unary (Request-Response) RPCs".
struct ConnectMessage {
  let binding: Binding
  let head: RequestHead
  let limits: HTTPLimits

  private var format: MessageFormat? {
    switch head.mediaType {
    case "application/json": .json
    case "application/proto": .binary
    default: nil
    }
  }

  /// The message.
  ///
  /// - Throws: a ``ContractError`` or an ``HTTPRefusal``.
  func read(from body: inout BodyReader) async throws -> IncomingMessage {
    if binding.isStreaming {
      throw ContractError(
        .unimplemented,
        "streams are not served over Connect yet: "
          + "use \(binding.verb.rawValue) \(ContractServices.restPrefix)\(binding.path)")
    }
    if let version = head.headers[.connectProtocolVersion], version != "1" {
      throw ContractError(.invalidArgument, "connect-protocol-version must be 1")
    }
    try ContentType.check(head, is: ["application/json", "application/proto"], unlessEmpty: false)
    guard let format else {
      throw HTTPRefusal.unsupportedMediaType("the body must be application/json or application/proto")
    }
    let bytes = try await body.collect(upTo: limits.bytes(for: binding.bodyLimit), declared: head.contentLength)
    return IncomingMessage(.encoded(Array(bytes.readableBytesView), format))
  }

  /// The answer, in the format of the request.
  func answer(_ message: OutgoingMessage) throws(ContractError) -> Answer {
    let format = format ?? .json
    var answer = Answer(json: try message.encoded(as: format))
    if format == .binary { answer.headers[.contentType] = "application/proto" }
    return answer
  }
}
