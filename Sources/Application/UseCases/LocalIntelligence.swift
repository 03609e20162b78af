package import Domain

/// The intelligence half in this process, called directly.
///
/// A class, so that where a call waits it holds no more of it than a reference.
package final class LocalIntelligence: Intelligence {
  // One by one: of all of them together each call would hold a copy.
  private let streamChat: StreamChat
  private let regenerateMessage: RegenerateMessage
  private let resumeChat: ResumeChat
  private let cancelChat: CancelChat
  private let searchKnowledge: SearchKnowledge
  private let embedTexts: EmbedTexts
  private let listModels: ListModels
  private let completeDialogue: CompleteDialogue
  private let findSimilar: FindSimilar
  private let signal: Signal
  private let prices: PriceList
  private let settlements: UsageSettlements

  /// Calls these use cases.
  package init(_ useCases: IntelligenceUseCases) {
    streamChat = useCases.streamChat
    regenerateMessage = useCases.regenerate
    resumeChat = useCases.resumeChat
    cancelChat = useCases.cancelChat
    searchKnowledge = useCases.search
    embedTexts = useCases.embedTexts
    listModels = useCases.listModels
    completeDialogue = useCases.complete
    findSimilar = useCases.findSimilar
    signal = useCases.signal
    prices = useCases.prices
    settlements = useCases.settlements
  }

  package func chat(
    _ command: StreamChat.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await metering(usage, caller, .chat) { meter throws(UseCaseFailure) in
      try await streamChat(command, caller, meter: meter, emit: emit)
    }
  }

  package func regenerate(
    _ command: RegenerateMessage.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await metering(usage, caller, .chat) { meter throws(UseCaseFailure) in
      try await regenerateMessage(command, caller, meter: meter, emit: emit)
    }
  }

  /// Does what is metered, and finishes the meter unless a reply does that which goes on.
  private func metering(
    _ ticket: UsageTicket?, _ caller: Principal, _ kind: UsageKind,
    _ body: (UsageMeter?) async throws(UseCaseFailure) -> Void
  ) async throws(UseCaseFailure) {
    let meter = ticket.map {
      UsageMeter(
        $0, owner: caller.owner, kind: kind, prices: prices, settlements: settlements)
    }
    let result: Result<Void, UseCaseFailure>
    do throws(UseCaseFailure) { result = .success(try await body(meter)) } catch { result = .failure(error) }
    await meter?.finishUnlessTaken()
    try result.get()
  }

  package func cancel(_ reply: MessageID, _ caller: Principal) async throws(UseCaseFailure) {
    try await cancelChat(reply, caller)
  }

  package func resume(
    _ command: ResumeChat.Command, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await resumeChat(command, caller, emit: emit)
  }

  package func search(
    _ query: SearchKnowledge.Query, _ caller: Principal
  ) async throws(UseCaseFailure) -> [SearchHit] {
    try await searchKnowledge(query, caller)
  }

  package func embed(_ texts: [String], _ caller: Principal) async throws(UseCaseFailure) -> EmbedTexts.Answer {
    try await embedTexts(texts)
  }

  package func models() async throws(UseCaseFailure) -> ModelCatalog { listModels() }

  package func complete(
    _ command: CompleteDialogue.Command, _ caller: Principal, usage: UsageTicket?, reader: CompletionReader
  ) async throws(UseCaseFailure) {
    try await metering(usage, caller, .completion) { meter throws(UseCaseFailure) in
      try await completeDialogue(command, caller, meter: meter, reader: reader)
    }
  }

  package func similar(
    to submission: SubmissionID, _ caller: Principal
  ) async throws(UseCaseFailure) -> SimilarityReport {
    try await findSimilar(submission, caller)
  }

  package func wakeWorkers() async { signal.notify() }
}
