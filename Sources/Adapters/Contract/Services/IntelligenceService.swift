package import Application
import Domain
package import GRPCCore
import Synchronization

/// `opentier.intelligence.v1.IntelligenceService` over the intelligence of this process.
///
/// It believes what it is told of the caller: who may call it at all is decided before.
package struct IntelligenceService: Opentier_Intelligence_V1_IntelligenceService.SimpleServiceProtocol {
  private let intelligence: any Intelligence

  /// Serves an intelligence.
  package init(_ intelligence: any Intelligence) { self.intelligence = intelligence }

  package func streamChat(
    request: Opentier_Intelligence_V1_StreamChatRequest,
    response: RPCWriter<Opentier_Intelligence_V1_StreamChatResponse>, context: ServerContext
  ) async throws {
    let caller = try Principal(request.caller)
    let command = try StreamChat.Command(request.request)
    try await Self.answer { emit async throws(UseCaseFailure) in
      try await intelligence.chat(command, caller, emit: emit)
    } write: { event in
      var message = Opentier_Intelligence_V1_StreamChatResponse()
      message.response = Opentier_V1_StreamChatResponse(event)
      try await response.write(message)
    }
  }

  package func regenerateMessage(
    request: Opentier_Intelligence_V1_RegenerateMessageRequest,
    response: RPCWriter<Opentier_Intelligence_V1_RegenerateMessageResponse>, context: ServerContext
  ) async throws {
    let caller = try Principal(request.caller)
    let command = try RegenerateMessage.Command(request.request)
    try await Self.answer { emit async throws(UseCaseFailure) in
      try await intelligence.regenerate(command, caller, emit: emit)
    } write: { event in
      var message = Opentier_Intelligence_V1_RegenerateMessageResponse()
      message.response = Opentier_V1_RegenerateMessageResponse(event)
      try await response.write(message)
    }
  }

  package func resumeChat(
    request: Opentier_Intelligence_V1_ResumeChatRequest,
    response: RPCWriter<Opentier_Intelligence_V1_ResumeChatResponse>, context: ServerContext
  ) async throws {
    throw ContractError(.unimplemented, "streams cannot be taken up again yet: ask anew")
  }

  package func cancelChat(
    request: Opentier_Intelligence_V1_CancelChatRequest, context: ServerContext
  ) async throws -> Opentier_Intelligence_V1_CancelChatResponse {
    try await Self.rethrowing {
      try await intelligence.cancel(MessageID(of: "message", request.request.messageID), Principal(request.caller))
    }
    return Opentier_Intelligence_V1_CancelChatResponse()
  }

  package func search(
    request: Opentier_Intelligence_V1_SearchRequest, context: ServerContext
  ) async throws -> Opentier_Intelligence_V1_SearchResponse {
    let hits = try await Self.rethrowing {
      try await intelligence.search(SearchKnowledge.Query(request.request), Principal(request.caller))
    }
    var response = Opentier_Intelligence_V1_SearchResponse()
    response.passages = hits.map(Opentier_Intelligence_V1_FoundPassage.init)
    return response
  }

  package func embed(
    request: Opentier_Intelligence_V1_EmbedRequest, context: ServerContext
  ) async throws -> Opentier_Intelligence_V1_EmbedResponse {
    let answer = try await Self.rethrowing { try await intelligence.embed(request.texts) }
    return Opentier_Intelligence_V1_EmbedResponse(answer)
  }

  package func wakeWorkers(
    request: Opentier_Intelligence_V1_WakeWorkersRequest, context: ServerContext
  ) async throws -> Opentier_Intelligence_V1_WakeWorkersResponse {
    await intelligence.wakeWorkers()
    return Opentier_Intelligence_V1_WakeWorkersResponse()
  }

  /// Hands events on. A reader that has gone ends the answer as cancelled; a failure is the call's status, before the
  /// first event as after it.
  private static func answer(
    _ call: (@escaping ChatEmitter) async throws(UseCaseFailure) -> Void,
    write: @escaping @Sendable (ChatEvent) async throws -> Void
  ) async throws {
    try await rethrowing {
      try await call { event throws(UseCaseFailure) in
        do { try await write(event) } catch { throw .cancelled }
      }
    }
  }

  /// Says any failure as one of the contract.
  private static func rethrowing<Value>(_ body: () async throws -> Value) async throws(ContractError) -> Value {
    do { return try await body() } catch { throw ContractError(any: error) }
  }
}
