import Application
import Domain
import GRPCCore
import Synchronization

/// `opentier.v1.ChatService` over the intelligence.
struct ChatService: Opentier_V1_ChatService.SimpleServiceProtocol {
  let intelligence: any Intelligence

  func streamChat(
    request: Opentier_V1_StreamChatRequest, response: RPCWriter<Opentier_V1_StreamChatResponse>,
    context: ServerContext
  ) async throws {
    let caller = try caller()
    let command = try StreamChat.Command(request)
    try await Self.answer(into: response, isResumable: command.isResumable) { emit async throws(UseCaseFailure) in
      try await intelligence.chat(command, caller, emit: emit)
    }
  }

  func regenerateMessage(
    request: Opentier_V1_RegenerateMessageRequest, response: RPCWriter<Opentier_V1_RegenerateMessageResponse>,
    context: ServerContext
  ) async throws {
    let caller = try caller()
    let command = try RegenerateMessage.Command(request)
    try await Self.answer(into: response, isResumable: command.isResumable) { emit async throws(UseCaseFailure) in
      try await intelligence.regenerate(command, caller, emit: emit)
    }
  }

  func resumeChat(
    request: Opentier_V1_ResumeChatRequest, response: RPCWriter<Opentier_V1_ResumeChatResponse>,
    context: ServerContext
  ) async throws {
    let caller = try caller()
    let command = try ResumeChat.Command(request)
    try await Self.answer(into: response, isResumable: true) { emit async throws(UseCaseFailure) in
      try await intelligence.resume(command, caller, emit: emit)
    }
  }

  func cancelChat(
    request: Opentier_V1_CancelChatRequest, context: ServerContext
  ) async throws -> Opentier_V1_CancelChatResponse {
    try await intelligence.cancel(MessageID(of: "message", request.messageID), caller())
    return Opentier_V1_CancelChatResponse()
  }

  /// Writes an answer's events. A failure before the first is thrown, so that a wire can still answer with its status;
  /// one behind it becomes the last event, `failed`. A reader that has gone ends the answer as cancelled.
  ///
  /// - Parameter isResumable: whether a failure of the answer is an event already, so that what is thrown says that this
  ///   stream cannot go on: another can.
  private static func answer<Event: ChatEventMessage>(
    into response: RPCWriter<Event>, isResumable: Bool,
    _ write: (@escaping ChatEmitter) async throws(UseCaseFailure) -> Void
  ) async throws {
    let hasStarted = Mutex(false)
    do {
      try await write { event throws(UseCaseFailure) in
        hasStarted.withLock { $0 = true }
        do { try await response.write(Event(event)) } catch { throw .cancelled }
      }
    } catch {
      guard !isResumable, hasStarted.withLock({ $0 }), error != .cancelled else { throw error }
      try await response.write(Event(.failed(error)))
    }
  }
}
