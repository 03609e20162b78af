package import Application
import Domain
package import GRPCCore
import Synchronization

/// `opentier.intelligence.v1.IntelligenceService` over the intelligence of this process.
///
/// It believes what it is told of the caller, and so serves only whoever shows the secret of the gateways.
package struct IntelligenceService: Opentier_Intelligence_V1_IntelligenceService.SimpleServiceProtocol {
  /// Its full name.
  package static let name = Opentier_Intelligence_V1_IntelligenceService.descriptor.fullyQualifiedService

  private let intelligence: any Intelligence
  private let secret: GatewaySecret?

  /// Serves an intelligence.
  ///
  /// - Parameter secret: what gateways show; `nil` where certificates or a loopback address keep others away.
  package init(_ intelligence: any Intelligence, secret: GatewaySecret?) {
    self.intelligence = intelligence
    self.secret = secret
  }

  /// Refuses who is no gateway.
  private func admit() throws(ContractError) {
    guard secret?.matches(CallContext.current?.bearerToken) ?? true else {
      throw ContractError(.unauthenticated, "only gateways that show intelligence.secret are served")
    }
  }

  package func streamChat(
    request: Opentier_Intelligence_V1_StreamChatRequest,
    response: RPCWriter<Opentier_Intelligence_V1_StreamChatResponse>, context: ServerContext
  ) async throws {
    try admit()
    let caller = try Principal(request.caller)
    let command = try StreamChat.Command(request.request)
    let usage = try UsageTicket(request.caller)
    try await Self.answer { emit async throws(UseCaseFailure) in
      try await intelligence.chat(command, caller, usage: usage, emit: emit)
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
    try admit()
    let caller = try Principal(request.caller)
    let command = try RegenerateMessage.Command(request.request)
    let usage = try UsageTicket(request.caller)
    try await Self.answer { emit async throws(UseCaseFailure) in
      try await intelligence.regenerate(command, caller, usage: usage, emit: emit)
    } write: { event in
      var message = Opentier_Intelligence_V1_RegenerateMessageResponse()
      message.response = Opentier_V1_StreamChatResponse(event)
      try await response.write(message)
    }
  }

  package func resumeChat(
    request: Opentier_Intelligence_V1_ResumeChatRequest,
    response: RPCWriter<Opentier_Intelligence_V1_ResumeChatResponse>, context: ServerContext
  ) async throws {
    try admit()
    let caller = try Principal(request.caller)
    let command = try ResumeChat.Command(request.request)
    try await Self.answer { emit async throws(UseCaseFailure) in
      try await intelligence.resume(command, caller, emit: emit)
    } write: { event in
      var message = Opentier_Intelligence_V1_ResumeChatResponse()
      message.response = Opentier_V1_StreamChatResponse(event)
      try await response.write(message)
    }
  }

  package func cancelChat(
    request: Opentier_Intelligence_V1_CancelChatRequest, context: ServerContext
  ) async throws -> Opentier_Intelligence_V1_CancelChatResponse {
    try admit()
    try await Self.rethrowing {
      try await intelligence.cancel(MessageID(of: "message", request.request.messageID), Principal(request.caller))
    }
    return Opentier_Intelligence_V1_CancelChatResponse()
  }

  package func search(
    request: Opentier_Intelligence_V1_SearchRequest, context: ServerContext
  ) async throws -> Opentier_Intelligence_V1_SearchResponse {
    try admit()
    let hits = try await Self.rethrowing {
      try await intelligence.search(SearchKnowledge.Query(request.request), Principal(request.caller))
    }
    var response = Opentier_Intelligence_V1_SearchResponse()
    response.passages = hits.map(Opentier_Intelligence_V1_FoundPassage.init)
    return response
  }

  package func findSimilar(
    request: Opentier_Intelligence_V1_FindSimilarRequest, context: ServerContext
  ) async throws -> Opentier_Intelligence_V1_FindSimilarResponse {
    try admit()
    let id = try SubmissionID(of: "submission", request.submissionID)
    let report = try await Self.rethrowing { try await intelligence.similar(to: id, Principal(request.caller)) }
    var response = Opentier_Intelligence_V1_FindSimilarResponse()
    response.similar = report.documents.map(Opentier_V1_SimilarDocument.init)
    response.similarSubmissions = report.submissions.map(Opentier_V1_SimilarSubmission.init)
    response.comparedSubmissions = UInt32(count: report.comparedSubmissions)
    return response
  }

  package func embed(
    request: Opentier_Intelligence_V1_EmbedRequest, context: ServerContext
  ) async throws -> Opentier_Intelligence_V1_EmbedResponse {
    try admit()
    let answer = try await Self.rethrowing { try await intelligence.embed(request.texts, Principal(request.caller)) }
    return Opentier_Intelligence_V1_EmbedResponse(answer)
  }

  package func listModels(
    request: Opentier_Intelligence_V1_ListModelsRequest, context: ServerContext
  ) async throws -> Opentier_Intelligence_V1_ListModelsResponse {
    try admit()
    let catalog = try await Self.rethrowing { try await intelligence.models() }
    return Opentier_Intelligence_V1_ListModelsResponse(catalog)
  }

  package func complete(
    request: Opentier_Intelligence_V1_CompleteRequest,
    response: RPCWriter<Opentier_Intelligence_V1_CompleteResponse>, context: ServerContext
  ) async throws {
    try admit()
    let caller = try Principal(request.caller)
    let command = try CompleteDialogue.Command(request)
    try await Self.rethrowing {
      let reader = CompletionReader { event throws(UseCaseFailure) in
        do { try await response.write(Opentier_Intelligence_V1_CompleteResponse(event)) } catch { throw .cancelled }
      }
      try await intelligence.complete(command, caller, usage: UsageTicket(request.caller), reader: reader)
    }
  }

  package func wakeWorkers(
    request: Opentier_Intelligence_V1_WakeWorkersRequest, context: ServerContext
  ) async throws -> Opentier_Intelligence_V1_WakeWorkersResponse {
    try admit()
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

/// What a gateway shows of itself.
package struct GatewaySecret: Sendable {
  private let bytes: [UInt8]

  /// Wraps a secret.
  package init(_ text: String) { bytes = Array(text.utf8) }

  /// Whether a text is the secret, in a time that tells nothing of where it differs.
  func matches(_ text: String?) -> Bool {
    let shown = Array((text ?? "").utf8)
    var difference = shown.count ^ bytes.count
    for index in bytes.indices { difference |= Int(bytes[index] ^ (index < shown.count ? shown[index] : 0)) }
    return difference == 0
  }
}
