package import Domain

/// The intelligence half in this process, called directly.
///
/// A class, so that where a call waits it holds no more of it than a reference.
package final class LocalIntelligence: Intelligence {
  private let useCases: IntelligenceUseCases

  /// Calls these use cases.
  package init(_ useCases: IntelligenceUseCases) { self.useCases = useCases }

  package func chat(
    _ command: StreamChat.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await metering(usage, caller, .chat) { meter throws(UseCaseFailure) in
      try await useCases.streamChat(command, caller, meter: meter, emit: emit)
    }
  }

  package func regenerate(
    _ command: RegenerateMessage.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await metering(usage, caller, .chat) { meter throws(UseCaseFailure) in
      try await useCases.regenerate(command, caller, meter: meter, emit: emit)
    }
  }

  /// Does what is metered, and finishes the meter unless a reply does that which goes on.
  private func metering(
    _ ticket: UsageTicket?, _ caller: Principal, _ kind: UsageKind,
    _ body: (UsageMeter?) async throws(UseCaseFailure) -> Void
  ) async throws(UseCaseFailure) {
    let meter = ticket.map {
      UsageMeter(
        $0, owner: caller.owner, kind: kind, prices: useCases.prices, settlements: useCases.settlements)
    }
    let result: Result<Void, UseCaseFailure>
    do throws(UseCaseFailure) { result = .success(try await body(meter)) } catch { result = .failure(error) }
    await meter?.finishUnlessTaken()
    try result.get()
  }

  package func cancel(_ reply: MessageID, _ caller: Principal) async throws(UseCaseFailure) {
    try await useCases.cancelChat(reply, caller)
  }

  package func resume(
    _ command: ResumeChat.Command, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await useCases.resumeChat(command, caller, emit: emit)
  }

  package func search(
    _ query: SearchKnowledge.Query, _ caller: Principal
  ) async throws(UseCaseFailure) -> [SearchHit] {
    try await useCases.search(query, caller)
  }

  package func embed(_ texts: [String], _ caller: Principal) async throws(UseCaseFailure) -> EmbedTexts.Answer {
    try await useCases.embedTexts(texts)
  }

  package func models() async throws(UseCaseFailure) -> ModelCatalog { useCases.listModels() }

  package func complete(
    _ command: CompleteDialogue.Command, _ caller: Principal, usage: UsageTicket?, reader: CompletionReader
  ) async throws(UseCaseFailure) {
    try await metering(usage, caller, .completion) { meter throws(UseCaseFailure) in
      try await useCases.complete(command, caller, meter: meter, reader: reader)
    }
  }

  package func similar(
    to submission: SubmissionID, _ caller: Principal
  ) async throws(UseCaseFailure) -> SimilarityReport {
    try await useCases.findSimilar(submission, caller)
  }

  package func wakeWorkers() async { useCases.signal.notify() }
}
