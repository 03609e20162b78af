package import Application
import Contract
package import Domain
import GRPCCore
import Logging
import Synchronization

extension IntelligenceClient: Intelligence {
  private typealias Method = Opentier_Intelligence_V1_IntelligenceService.Method

  package func chat(
    _ command: StreamChat.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    var request = Opentier_Intelligence_V1_StreamChatRequest()
    request.caller = Opentier_Intelligence_V1_Caller(caller, usage)
    request.request = Opentier_V1_StreamChatRequest(command)
    try await call(Method.StreamChat.descriptor, request, for: caller.organizationID, isRepeatable: false) {
      (message: Opentier_Intelligence_V1_StreamChatResponse) in
      try await emit(ChatEvent(message.response))
    }
  }

  package func regenerate(
    _ command: RegenerateMessage.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    var request = Opentier_Intelligence_V1_RegenerateMessageRequest()
    request.caller = Opentier_Intelligence_V1_Caller(caller, usage)
    request.request = Opentier_V1_RegenerateMessageRequest(command)
    try await call(Method.RegenerateMessage.descriptor, request, for: caller.organizationID, isRepeatable: false) {
      (message: Opentier_Intelligence_V1_RegenerateMessageResponse) in
      try await emit(ChatEvent(message.response))
    }
  }

  /// Asks one process after the other: where the storage is shared the first has the answer, else the one that writes it.
  package func resume(
    _ command: ResumeChat.Command, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    var request = Opentier_Intelligence_V1_ResumeChatRequest()
    request.caller = Opentier_Intelligence_V1_Caller(caller)
    request.request = Opentier_V1_ResumeChatRequest(command)
    try await callUntilFound(Method.ResumeChat.descriptor, request) {
      (message: Opentier_Intelligence_V1_ResumeChatResponse) in
      try await emit(ChatEvent(message.response))
    }
  }

  /// Asks every process that serves: which of them writes the answer is nowhere written.
  package func cancel(_ reply: MessageID, _ caller: Principal) async throws(UseCaseFailure) {
    var request = Opentier_Intelligence_V1_CancelChatRequest()
    request.caller = Opentier_Intelligence_V1_Caller(caller)
    request.request.messageID = reply.description
    try await callAll(Method.CancelChat.descriptor, request) { (_: Opentier_Intelligence_V1_CancelChatResponse) in }
  }

  package func search(
    _ query: SearchKnowledge.Query, _ caller: Principal
  ) async throws(UseCaseFailure) -> [SearchHit] {
    var request = Opentier_Intelligence_V1_SearchRequest()
    request.caller = Opentier_Intelligence_V1_Caller(caller)
    request.request = Opentier_V1_SearchRequest(query)
    let hits = Mutex<[SearchHit]>([])
    try await call(Method.Search.descriptor, request, for: caller.organizationID, isRepeatable: true) {
      (message: Opentier_Intelligence_V1_SearchResponse) in
      var found: [SearchHit] = []
      for passage in message.passages { found.append(try SearchHit(passage)) }
      hits.withLock { [found] in $0 = found }
    }
    return hits.withLock { $0 }
  }

  package func similar(
    to submission: SubmissionID, _ caller: Principal
  ) async throws(UseCaseFailure) -> SimilarityReport {
    var request = Opentier_Intelligence_V1_FindSimilarRequest()
    request.caller = Opentier_Intelligence_V1_Caller(caller)
    request.submissionID = submission.description
    let report = Mutex(SimilarityReport(documents: [], submissions: [], comparedSubmissions: 0))
    try await call(Method.FindSimilar.descriptor, request, for: caller.organizationID, isRepeatable: true) {
      (message: Opentier_Intelligence_V1_FindSimilarResponse) in
      let found = try SimilarityReport(message)
      report.withLock { $0 = found }
    }
    return report.withLock { $0 }
  }

  package func embed(_ texts: [String], _ caller: Principal) async throws(UseCaseFailure) -> EmbedTexts.Answer {
    var request = Opentier_Intelligence_V1_EmbedRequest()
    request.caller = Opentier_Intelligence_V1_Caller(caller)
    request.texts = texts
    let answer = Mutex<EmbedTexts.Answer?>(nil)
    try await call(Method.Embed.descriptor, request, for: caller.organizationID, isRepeatable: true) {
      (message: Opentier_Intelligence_V1_EmbedResponse) in
      answer.withLock { $0 = EmbedTexts.Answer(message) }
    }
    guard let answer = answer.withLock({ $0 }) else { throw .broken("the intelligence side answered with no vectors") }
    return answer
  }

  package func models() async throws(UseCaseFailure) -> ModelCatalog {
    let catalog = Mutex<ModelCatalog?>(nil)
    try await call(
      Method.ListModels.descriptor, Opentier_Intelligence_V1_ListModelsRequest(), for: nil, isRepeatable: true
    ) { (message: Opentier_Intelligence_V1_ListModelsResponse) in
      catalog.withLock { $0 = ModelCatalog(message) }
    }
    guard let catalog = catalog.withLock({ $0 }) else { throw .broken("the intelligence side answered with no models") }
    return catalog
  }

  package func complete(
    _ command: CompleteDialogue.Command, _ caller: Principal, usage: UsageTicket?, reader: CompletionReader
  ) async throws(UseCaseFailure) {
    let request = Opentier_Intelligence_V1_CompleteRequest(command, Opentier_Intelligence_V1_Caller(caller, usage))
    try await call(Method.Complete.descriptor, request, for: caller.organizationID, isRepeatable: false) {
      (message: Opentier_Intelligence_V1_CompleteResponse) in
      try await reader.write(CompletionEvent(message))
    }
  }

  /// Sends the hint and does not wait for it: who approves a text does not wait for a worker.
  package func wakeWorkers() async {
    Task { [self] in
      do throws(UseCaseFailure) {
        try await callAll(
          Method.WakeWorkers.descriptor, Opentier_Intelligence_V1_WakeWorkersRequest()
        ) { (_: Opentier_Intelligence_V1_WakeWorkersResponse) in }
      } catch {
        logger.notice("no ingestion worker was woken; they look by themselves", metadata: ["reason": "\(error)"])
      }
    }
  }
}
