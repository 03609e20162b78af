package import Contract
package import GRPCCore

/// The public contract on gRPC: every binding under its method's name.
package struct ContractGRPCService: RegistrableRPCService {
  /// The full names of the services, sorted.
  package let names: [String]

  private let services: ContractServices
  private let limits: MessageLimits

  /// Serves the contract.
  ///
  /// - Parameter limits: how long messages may be; the server that this runs in has the same.
  package init(_ services: ContractServices, limits: MessageLimits) {
    self.services = services
    self.limits = limits
    names = Set(services.bindings.map(\.method.service.fullyQualifiedService)).sorted()
  }

  /// Registers every method.
  package func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    for binding in services.bindings {
      router.registerHandler(
        forMethod: binding.method, deserializer: ByteDeserializer(), serializer: ByteSerializer()
      ) { request, _ in
        // Set by the interceptor, which every method of the server goes through.
        guard let context = CallContext.current else { throw MissingContext() }
        // Before the message is read: who is nobody need not send one.
        try await binding.admit(context, by: services.authenticate)
        return try await binding.isStreaming
          ? stream(binding, request, context) : answer(binding, request, context)
      }
    }
  }

  private struct MissingContext: Error {}

  private func answer(
    _ binding: Binding, _ request: StreamingServerRequest<[UInt8]>, _ context: CallContext
  ) async throws -> StreamingServerResponse<[UInt8]> {
    let message = try await message(of: request, for: binding)
    let answer = try await services.call(binding, message, context).encoded(as: .binary)
    return StreamingServerResponse(single: ServerResponse(message: answer))
  }

  private func stream(
    _ binding: Binding, _ request: StreamingServerRequest<[UInt8]>, _ context: CallContext
  ) async throws -> StreamingServerResponse<[UInt8]> {
    let message = try await message(of: request, for: binding)
    return StreamingServerResponse { writer in
      try await services.stream(binding, message, context) { try await writer.write($0.encoded(as: .binary)) }
      return [:]
    }
  }

  /// The one message of a call.
  private func message(
    of request: StreamingServerRequest<[UInt8]>, for binding: Binding
  ) async throws -> IncomingMessage {
    var messages = request.messages.makeAsyncIterator()
    guard let message = try await messages.next() else {
      throw ContractError(.invalidArgument, "the call has no message")
    }
    let limit = limits.bytes(for: binding.method.fullyQualifiedMethod)
    guard message.count <= limit else {
      throw ContractError(.resourceExhausted, "the message may have at most \(limit) bytes")
    }
    guard try await messages.next() == nil else {
      throw ContractError(.invalidArgument, "the call has more than one message")
    }
    return IncomingMessage(.encoded(message, .binary))
  }
}

extension MessageLimits {
  /// The limits of the public contract's methods.
  package init(
    of services: ContractServices, _ bytes: (Binding.BodyLimit) -> Int
  ) {
    let limits = services.bindings.map { ($0.method.fullyQualifiedMethod, bytes($0.bodyLimit)) }
    self.init(standard: bytes(.standard), byMethod: Dictionary(uniqueKeysWithValues: limits))
  }
}

/// Messages as they come: the contract reads them itself.
private struct ByteDeserializer: MessageDeserializer {
  func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
    bytes.withUnsafeBytes { Array($0) }
  }
}

private struct ByteSerializer: MessageSerializer {
  func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes { Bytes(message) }
}
