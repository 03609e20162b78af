package import Domain

/// The half of the service that thinks: it writes answers, finds passages, embeds, and works on ingestion jobs.
///
/// What a caller may do was decided before; the rules of the use cases hold here all the same. In one process the
/// use cases are called directly (``LocalIntelligence``); a process of its own is called over a wire. Every method ends
/// with `.unavailable` when that process does not answer, and with `.cancelled` when the caller's task is cancelled,
/// which cancels the work, but for answers that are resumable.
///
/// What takes a `usage` was admitted with that reservation, and settles it with what it used, whatever ends it; `nil` is not
/// metered.
package protocol Intelligence: Sendable {
  /// Stores a question and streams the answer. The next event is not made before `emit` has returned.
  func chat(
    _ command: StreamChat.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure)

  /// Writes another answer to the question that an answer answers.
  func regenerate(
    _ command: RegenerateMessage.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure)

  /// Takes up the stream of a resumable answer behind the last event that was seen. A failure of the answer is an event;
  /// cancelling the task ends the reading alone.
  ///
  /// - Throws: `.notFound` when the caller has none of that id, or no longer; `.invalid` for an event that is not there yet.
  func resume(
    _ command: ResumeChat.Command, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure)

  /// Stops an answer that is being written.
  ///
  /// - Throws: `.notFound` when the caller has none of that id.
  func cancel(_ reply: MessageID, _ caller: Principal) async throws(UseCaseFailure)

  /// The passages that fit best, best first.
  func search(_ query: SearchKnowledge.Query, _ caller: Principal) async throws(UseCaseFailure) -> [SearchHit]

  /// The vectors of texts by the model that passages are embedded with, in their order.
  ///
  /// - Throws: `.invalid` for no text or more than ``EmbedTexts/maximumTexts``; `.precondition` while there is no model.
  func embed(_ texts: [String], _ caller: Principal) async throws(UseCaseFailure) -> EmbedTexts.Answer

  /// Which models there are.
  func models() async throws(UseCaseFailure) -> ModelCatalog

  /// Has a model go on with a dialogue or a text that is not stored, as ``CompleteDialogue`` has it. The next event is
  /// not made before `reader` is ready for it.
  func complete(
    _ command: CompleteDialogue.Command, _ caller: Principal, usage: UsageTicket?, reader: CompletionReader
  ) async throws(UseCaseFailure)

  /// The documents and the other pending submissions that a submission is much like.
  ///
  /// - Throws: `.forbidden` below admin; `.notFound`.
  func similar(to submission: SubmissionID, _ caller: Principal) async throws(UseCaseFailure) -> SimilarityReport

  /// Tells the ingestion workers that there are jobs. It is a hint that may be lost: workers also look by themselves.
  func wakeWorkers() async
}

extension Intelligence {
  /// The same, of a call that brings no reservation.
  package func chat(
    _ command: StreamChat.Command, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await chat(command, caller, usage: nil, emit: emit)
  }

  /// The same, of a call that brings no reservation.
  package func regenerate(
    _ command: RegenerateMessage.Command, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await regenerate(command, caller, usage: nil, emit: emit)
  }

  /// The same, of a call that brings no reservation.
  package func complete(
    _ command: CompleteDialogue.Command, _ caller: Principal, reader: CompletionReader
  ) async throws(UseCaseFailure) {
    try await complete(command, caller, usage: nil, reader: reader)
  }

  /// The same, of a call that brings no reservation, for a reader that is waited for after each event.
  package func complete(
    _ command: CompleteDialogue.Command, _ caller: Principal,
    emit: @escaping @Sendable (CompletionEvent) async throws(UseCaseFailure) -> Void
  ) async throws(UseCaseFailure) {
    try await complete(command, caller, usage: nil, reader: CompletionReader(emit))
  }
}
