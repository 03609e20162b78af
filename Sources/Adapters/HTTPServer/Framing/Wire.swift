import Contract
import HTTPTypes
import NIOCore

/// A protocol as one call speaks it: what it says of the caller, and how it reads the request.
protocol Wire: Sendable {
  /// How long the caller waits; `nil` where it says nothing.
  ///
  /// - Throws: `invalid_argument` for a time that is none.
  func timeout() throws(ContractError) -> Duration?

  /// Reads the request.
  ///
  /// - Throws: a ``ContractError`` or an ``HTTPRefusal``.
  func read(from body: inout BodyReader) async throws -> IncomingMessage
}

/// A wire whose method answers with one message.
protocol UnaryWire: Wire {
  /// The whole answer.
  func answer(_ message: OutgoingMessage) throws(ContractError) -> Answer

  /// The answer to a call that has failed.
  func refusal(_ error: any Error) -> Answer
}

/// A wire whose method answers with a stream of enveloped messages, and an end that says how it went.
protocol EnvelopedWire: Wire {
  /// The header fields of the stream.
  var streamHeaders: HTTPFields { get }

  /// A message of the stream.
  func part(_ message: OutgoingMessage) throws(ContractError) -> ByteBuffer

  /// The last part of the stream; without an error it went well.
  func end(_ error: ContractError?) -> ByteBuffer

  /// The answer to a call that has failed before its first message.
  func refusal(_ error: any Error) -> Answer
}

extension ContractError {
  /// Any error on the way to an answer as one of the contract's: a refusal of the HTTP server has one within it.
  init(onWire error: any Error) {
    if let refusal = error as? HTTPRefusal { self = refusal.error } else { self.init(any: error) }
  }
}
