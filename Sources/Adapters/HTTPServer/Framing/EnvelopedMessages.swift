import Contract
import NIOCore

/// The messages of a call in their envelopes, as Connect's streams and gRPC-Web have them alike.
struct EnvelopedMessages: Sendable {
  /// How messages are written.
  let format: MessageFormat
  /// How they are compressed.
  let compression: Compression
  /// The most bytes of the request, compressed and inflated.
  let limit: Int
  /// What a compressed message that cannot be inflated is called; the protocols differ.
  let corrupt: ContractErrorCode

  /// The message of a request.
  ///
  /// - Throws: `resource_exhausted` beyond the limit; `internal` for a compressed message that was not announced, as gRPC's
  ///   statuscodes.md has it; `invalid_argument` for flags that no request may have.
  func incoming(_ envelope: Envelope) throws(ContractError) -> IncomingMessage {
    guard envelope.flags & ~Envelope.compressed == 0 else {
      throw ContractError(.invalidArgument, "the envelope of a request cannot have the flags \(envelope.flags)")
    }
    guard envelope.flags & Envelope.compressed != 0 else {
      return IncomingMessage(.encoded(envelope.payload, format))
    }
    guard compression.request == .gzip else {
      throw ContractError(.internal, "the message is flagged as compressed, but the header names no encoding")
    }
    // Nothing is not gzip, and yet a message without fields.
    guard !envelope.payload.isEmpty else { return IncomingMessage(.encoded([], format)) }
    do { return IncomingMessage(.encoded(try Gzip.inflate(envelope.payload, limit: limit), format)) } catch {
      throw ContractError(error, limit: limit, corrupt: corrupt)
    }
  }

  /// A message of an answer.
  func outgoing(_ message: OutgoingMessage) throws(ContractError) -> Envelope {
    let (bytes, coding) = compression.answer(try message.encoded(as: format))
    return Envelope(flags: coding == .gzip ? Envelope.compressed : 0, payload: bytes)
  }

  /// Reads the one message of a request's body.
  ///
  /// - Parameter text: reads the body where it is Base64.
  func read(from body: inout BodyReader, text: Base64Reader? = nil) async throws -> IncomingMessage {
    var text = text
    var reader = EnvelopeReader(limit: limit)
    do {
      while let part = try await body.next() {
        if let bytes = try text?.feed(part.readableBytesView) {
          try reader.feed(bytes)
        } else {
          try reader.feed(part.readableBytesView)
        }
      }
      try reader.feed(try text?.finish() ?? [])
      return try incoming(try reader.finish())
    } catch let failure as EnvelopeReader.Failure {
      throw ContractError(failure, limit: limit)
    } catch is Base64Reader.Malformed {
      throw ContractError(.invalidArgument, "the body is not Base64")
    }
  }
}

extension ContractError {
  /// What a client is told whose bytes are not one message.
  ///
  /// The wrong number of messages is `unimplemented` by gRPC's statuscodes.md ("request cardinality violation").
  init(_ failure: EnvelopeReader.Failure, limit: Int) {
    switch failure {
    case .empty: self.init(.unimplemented, "the request holds no message: the method takes exactly one")
    case .moreThanOne: self.init(.unimplemented, "something follows the message: the method takes exactly one")
    case .truncated: self.init(.invalidArgument, "the body ends within the envelope of a message")
    case .tooLarge: self.init(.resourceExhausted, "the message may have at most \(limit) bytes")
    }
  }

  /// What a client is told whose bytes cannot be inflated.
  init(_ failure: GzipInflater.Failure, limit: Int, corrupt: ContractErrorCode) {
    switch failure {
    case .malformed: self.init(corrupt, "the message is not gzip, or ends too early")
    case .tooLarge: self.init(.resourceExhausted, "the message may have at most \(limit) bytes when it is inflated")
    case .outOfMemory: self.init(.unavailable, "there is no memory to inflate the message")
    }
  }
}
