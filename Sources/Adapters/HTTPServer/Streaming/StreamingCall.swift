import Contract
import Hummingbird
import NIOCore

/// Answers a call with a stream of events, until it ends or the client goes.
struct StreamingCall {
  let services: ContractServices
  let message: RESTMessage
  let context: CallContext
  let limits: HTTPLimits
  let keepAliveInterval: Duration

  /// How a stream ended, for the log.
  struct Outcome: Sendable {
    var status: Int
    var diagnosis: String?
  }

  /// Answers. The task of the method is cancelled as soon as the client closes the connection, which is seen by reading
  /// on behind the body; nothing reads the body when this returns.
  func run(_ body: RequestBody, on stream: EventStream) async -> Outcome {
    do {
      return try await body.consumeWithCancellationOnInboundClose { body in
        try await answer(body, on: stream)
      }
    } catch {
      return Outcome(status: 499)
    }
  }

  private func answer(_ body: RequestBody, on stream: EventStream) async throws -> Outcome {
    // Made in any case: as long as nobody has begun to read a body that has more parts than are kept, Hummingbird waits
    // for a reader, even when the call is over.
    var reader = BodyReader(body, head: message.head)
    do {
      guard message.head.accepts("text/event-stream") else {
        throw HTTPRefusal.notAcceptable("this path answers with text/event-stream")
      }
      if message.binding.authentication == .session { try await context.authenticate(by: services.authenticate) }
      let incoming = try await message.read(from: &reader)
      try await withThrowingTaskGroup(of: Void.self) { group in
        // The pulse looks four times an interval, so that no silence is much longer than it.
        group.addTask { [keepAliveInterval] in
          while true {
            try await Task.sleep(for: keepAliveInterval / 4)
            try await stream.keepAlive(after: keepAliveInterval * 3 / 4)
          }
        }
        defer { group.cancelAll() }
        try await Responder.withCaller(of: context) {
          try await services.stream(message.binding, incoming, context) { outgoing in
            guard let event = (outgoing.message as? any StreamEvent)?.namedEvent else { return }
            try await stream.send(event.name, data: OutgoingMessage(event.payload).encoded(as: .json))
          }
        }
      }
      try await stream.finish()
      return Outcome(status: 200)
    } catch {
      if Task.isCancelled { return Outcome(status: 499) }
      let answer = Answer(any: error)
      if stream.isOpen {
        // The status is gone: an event of its own says what happened. (A failed answer of a model is no such case: it
        // is the event `failed` of its stream.)
        try await stream.send("error", data: ContractError(any: error).json)
        try await stream.finish()
        return Outcome(status: 200, diagnosis: answer.diagnosis)
      }
      _ = await reader.drain(upTo: limits.drainedBody)
      try await stream.refuse(with: answer)
      return Outcome(status: answer.status.code, diagnosis: answer.diagnosis)
    }
  }
}
