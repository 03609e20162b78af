import Contract
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// A stream of enveloped messages on one response, in Connect's or gRPC-Web's framing.
struct EnvelopeStream: MessageStream {
  let wire: any EnvelopedWire
  private let response: StreamedResponse

  /// Makes a stream on a response; `headers` go out with its head.
  init(_ wire: any EnvelopedWire, on response: consuming ResponseWriter, headers: HTTPFields) {
    self.wire = wire
    var headers = headers
    headers.add(wire.streamHeaders)
    // A proxy that collects the parts would keep them from the reader.
    headers[.accelBuffering] = "no"
    self.response = StreamedResponse(on: response, headers: headers)
  }

  func read(from body: inout BodyReader) async throws -> IncomingMessage { try await wire.read(from: &body) }

  func send(_ message: OutgoingMessage) async throws { try await response.send(try wire.part(message)) }

  func finish() async throws {
    try await response.send(wire.end(nil))
    try await response.finish()
  }

  func fail(_ error: any Error) async throws -> CallOutcome {
    let contractError = ContractError(onWire: error)
    if response.isOpen {
      try await response.send(wire.end(contractError))
      try await response.finish()
    } else {
      try await response.answer(with: wire.refusal(error))
    }
    return CallOutcome(status: 200, code: contractError.code, diagnosis: contractError.diagnosis)
  }
}
