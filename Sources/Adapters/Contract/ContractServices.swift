import GRPCCore

/// The whole contract, ready to be served: its methods, and how to find out who calls them.
package struct ContractServices: Sendable {
  /// Every public method, once.
  package let bindings: [Binding]
  /// Finds who a token belongs to.
  package let authenticate: CallContext.Authenticate

  /// Makes the contract of bound methods.
  package init(bindings: [Binding], authenticate: @escaping CallContext.Authenticate) {
    self.bindings = bindings
    self.authenticate = authenticate
  }

  /// Calls a method with one answer.
  ///
  /// - Throws: `unauthenticated` before the message is read, if the method wants a session and the call has none;
  ///   `deadline_exceeded` when the context's deadline has passed, once the method has seen that it is cancelled.
  package func call(
    _ binding: Binding, _ message: IncomingMessage, _ context: CallContext
  ) async throws(ContractError) -> OutgoingMessage {
    guard case .unary(let handler) = binding.handler else {
      throw ContractError(.unimplemented, "\(binding.method) answers with a stream")
    }
    return try await run(binding, context) { server async throws(ContractError) in
      try await handler(message, server)
    }
  }

  /// Calls a method that answers with a stream; cancelling the task cancels the method, and so does the context's
  /// deadline.
  ///
  /// - Parameter send: takes each answer; what it throws ends the call.
  package func stream(
    _ binding: Binding, _ message: IncomingMessage, _ context: CallContext,
    send: @escaping @Sendable (OutgoingMessage) async throws -> Void
  ) async throws(ContractError) {
    guard case .serverStreaming(let handler) = binding.handler else {
      throw ContractError(.unimplemented, "\(binding.method) answers with one message")
    }
    try await run(binding, context) { server async throws(ContractError) in
      try await handler(message, server, send)
    }
  }

  private func run<Value: Sendable>(
    _ binding: Binding, _ context: CallContext,
    _ body: @escaping @Sendable (ServerContext) async throws(ContractError) -> Value
  ) async throws(ContractError) -> Value {
    do {
      return try await Deadline.hold(to: context.deadline) {
        try await binding.admit(context, by: authenticate)
        return try await CallContext.$current.withValue(context) {
          try await withServerContextRPCCancellationHandle { handle in
            // Services follow the task's cancellation; code that asks gRPC's handle sees the same.
            try await withTaskCancellationHandler {
              try await body(
                ServerContext(
                  descriptor: binding.method, remotePeer: context.remoteAddress ?? "unknown", localPeer: "",
                  cancellation: handle))
            } onCancel: {
              handle.cancel()
            }
          }
        }
      }
    } catch {
      throw ContractError(any: error)
    }
  }
}
