import Contract
import Hummingbird
import NIOCore

/// Answers a call with a stream of messages, until it ends or the client goes.
struct StreamingCall {
  let services: ContractServices
  let binding: Binding
  let head: RequestHead
  let context: CallContext
  let limits: HTTPLimits
  /// What was wrong with the head, if something was.
  let refusal: ContractError?

  /// Answers. The task of the method is cancelled as soon as the client closes the connection, which is seen by reading
  /// on behind the body; nothing reads the body when this returns.
  func run(_ body: RequestBody, on stream: any MessageStream) async -> CallOutcome {
    do {
      return try await body.consumeWithCancellationOnInboundClose { body in
        try await answer(body, on: stream)
      }
    } catch {
      return CallOutcome(status: 499)
    }
  }

  private func answer(_ body: RequestBody, on stream: any MessageStream) async throws -> CallOutcome {
    // Made in any case: as long as nobody has begun to read a body that has more parts than are kept, Hummingbird waits
    // for a reader, even when the call is over.
    var reader = BodyReader(body, head: head)
    do {
      try stream.check()
      if let refusal { throw refusal }
      try await binding.admit(context, by: services.authenticate)
      let incoming = try await stream.read(from: &reader)
      try await stream.accompany { [services, binding, context] in
        try await services.stream(binding, incoming, context) { try await stream.send($0) }
      }
      try await stream.finish()
      return CallOutcome(status: 200)
    } catch {
      if Task.isCancelled { return CallOutcome(status: 499) }
      // A client that is still writing reads the answer only then.
      _ = await reader.drain(upTo: limits.drainedBody)
      return try await stream.fail(error)
    }
  }
}
