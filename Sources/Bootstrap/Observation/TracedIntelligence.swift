import Application
import Domain
import Tracing

/// Records a span for each question, around any intelligence.
struct TracedIntelligence: Intelligence {
  private let intelligence: any Intelligence

  private init(_ intelligence: any Intelligence) { self.intelligence = intelligence }

  /// Puts itself around an intelligence, where spans are recorded.
  static func around(_ intelligence: any Intelligence) -> any Intelligence {
    SpanRecording.isOn ? TracedIntelligence(intelligence) : intelligence
  }

  func chat(
    _ command: StreamChat.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await withTracedSpan(SpanName.chat, attributes("chat", caller)) { _ throws(UseCaseFailure) in
      try await intelligence.chat(command, caller, usage: usage, emit: emit)
    }
  }

  func regenerate(
    _ command: RegenerateMessage.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await withTracedSpan(SpanName.chat, attributes("chat", caller)) { _ throws(UseCaseFailure) in
      try await intelligence.regenerate(command, caller, usage: usage, emit: emit)
    }
  }

  func complete(
    _ command: CompleteDialogue.Command, _ caller: Principal, usage: UsageTicket?, reader: CompletionReader
  ) async throws(UseCaseFailure) {
    let operation = command.prompt == nil ? "chat" : "text_completion"
    try await withTracedSpan(SpanName.chat, attributes(operation, caller)) { _ throws(UseCaseFailure) in
      try await intelligence.complete(command, caller, usage: usage, reader: reader)
    }
  }

  private func attributes(_ operation: String, _ caller: Principal) -> SpanAttributes {
    var attributes = caller.spanAttributes
    attributes[SpanAttributeName.operation] = operation
    return attributes
  }

  // The rest is no question to a model.

  func resume(
    _ command: ResumeChat.Command, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) { try await intelligence.resume(command, caller, emit: emit) }

  func cancel(_ reply: MessageID, _ caller: Principal) async throws(UseCaseFailure) {
    try await intelligence.cancel(reply, caller)
  }

  func search(_ query: SearchKnowledge.Query, _ caller: Principal) async throws(UseCaseFailure) -> [SearchHit] {
    try await intelligence.search(query, caller)
  }

  func embed(_ texts: [String], _ caller: Principal) async throws(UseCaseFailure) -> EmbedTexts.Answer {
    try await intelligence.embed(texts, caller)
  }

  func models() async throws(UseCaseFailure) -> ModelCatalog { try await intelligence.models() }

  func similar(
    to submission: SubmissionID, _ caller: Principal
  ) async throws(UseCaseFailure) -> SimilarityReport { try await intelligence.similar(to: submission, caller) }

  func wakeWorkers() async { await intelligence.wakeWorkers() }
}
