import Domain

extension WriteReply {
  /// Has the model reply, running the tools that it asks for in between.
  ///
  /// Passages that tools find are sources with the next markers. Usage is the sum of all rounds; where a model does not
  /// tell that of a round it is counted, and a round whose reply was kept from another call used nothing.
  func generate(
    _ draft: ReplyDraft, _ order: Order, on found: GroundQuestion.Ground, _ caller: Principal,
    emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) -> ReplyEnd {
    var request = ModelRequest(
      messages: ground.dialogue(order.grounded, on: found), question: ground.standalone(order.grounded),
      sources: found.sources, maximumTokens: order.model.replyTokens(settings.replyTokens),
      organizationID: caller.organizationID)
    request.answering = order.meter?.answering
    request.answering?.note(order.model.name)
    var dialogue = ToolDialogue(request, offering: tools.definitions, to: order.model, tools.settings)
    var used = TokenUsage.none
    while true {
      draft.addPrompt(dialogue.prompt)
      let before = draft.content.text.utf8.count
      let end = try await round(dialogue.request, draft, order, emit: emit)
      let said = String(decoding: draft.content.text.utf8.dropFirst(before), as: UTF8.self)
      guard !end.toolCalls.isEmpty || dialogue.rounds > 0 else { return end }
      let usage =
        end.usage
        ?? TokenUsage(promptTokens: counter.count(dialogue.prompt), completionTokens: counter.count(said))
      if !end.isCached { used = used + usage }
      draft.setEnded(used)
      guard dialogue.isOpen, !end.toolCalls.isEmpty else {
        return ReplyEnd(
          // A model that asks for more than it may has not come to its end.
          finishReason: end.toolCalls.isEmpty ? end.finishReason : .length,
          usage: used, quotes: end.quotes)
      }
      let asked = ModelMessage(role: .assistant, content: said, toolCalls: end.toolCalls)
      let left = room(of: order.model).map { room in
        room.left(beside: dialogue.request.messages + [asked], tools: dialogue.request.tools)
      }
      let results = try await run(end.toolCalls, draft, order, caller, left: left, emit: emit)
      dialogue.append(said, end.toolCalls, results, sources: draft.content.sources)
      // What is said before a tool and behind it are two paragraphs.
      if !said.isEmpty, draft.append("\n\n", limit: limit(of: order.reply)) { try await emit(.delta("\n\n")) }
    }
  }

  /// Has the model reply once.
  private func round(
    _ request: ModelRequest, _ draft: ReplyDraft, _ order: Order, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) -> ReplyEnd {
    let limit = limit(of: order.reply)
    do throws(ModelFailure) {
      return try await order.model.reply(to: request) { part throws(ModelFailure) in
        let part = NullCharacter.dropped(from: part)
        guard !part.isEmpty else { return }
        guard draft.append(part, limit: limit) else { throw .cancelled }
        do { try await emit(.delta(part)) } catch { throw .cancelled }
      }
    } catch {
      if draft.isFull { return ReplyEnd(finishReason: .length, usage: nil) }
      throw UseCaseFailure(error)
    }
  }

  /// Runs the tools of one round; each call and its result is an event.
  ///
  /// - Parameter left: the tokens that the model's window has left for what they return; `nil` where that is not known.
  private func run(
    _ calls: [ModelToolCall], _ draft: ReplyDraft, _ order: Order, _ caller: Principal, left: Int?, emit: ChatEmitter
  ) async throws(UseCaseFailure) -> [ModelToolResult] {
    var left = left
    var results: [ModelToolResult] = []
    for (index, call) in calls.enumerated() {
      // What is shown is stored as well: it is no longer than what would be run, and has no U+0000. A model may ask for any
      // name.
      let isShort = call.arguments.utf8.count <= tools.settings.maximumArgumentBytes
      let (id, name) = (NullCharacter.dropped(from: call.id), NullCharacter.dropped(from: String(call.name.prefix(64))))
      try await emit(
        .toolCall(id: id, name: name, arguments: isShort ? NullCharacter.dropped(from: call.arguments) : ""))
      let outcome: RunTools.Outcome
      if index < tools.settings.maximumCalls {
        outcome = try await tools(
          call,
          ChatToolUse(caller: caller, filters: order.filters, asOf: order.asOf, sources: draft.content.sources),
          room: left)
      } else {
        outcome = RunTools.failed("at most \(tools.settings.maximumCalls) calls at once are run")
      }
      draft.addSources(outcome.sources)
      left = left.map { $0 - counter.estimate(outcome.content) }
      try await emit(
        .toolResult(
          id: id, name: name, summary: NullCharacter.dropped(from: outcome.summary), isError: outcome.isError,
          sources: outcome.sources))
      results.append(ModelToolResult(callID: call.id, name: call.name, content: outcome.content))
    }
    return results
  }
}
