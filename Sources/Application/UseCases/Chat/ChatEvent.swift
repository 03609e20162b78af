package import Domain

/// What a reader of a chat sees, in order: `started`, `sources`, any number of `delta`, `completed`. Where tools are offered,
/// `toolCall` and `toolResult` follow each other between the deltas.
///
/// A failure ends the stream by being thrown; each wire says so in its own way. Of a resumable reply the failure is an
/// event, `failed`, since it can be read again; what is thrown then ends this reading and not the reply.
package enum ChatEvent: Hashable, Sendable {
  /// The question is stored; the reply will have this id.
  case started(conversationID: ConversationID, messageID: MessageID, userMessageID: MessageID, model: String)
  /// The passages that the model gets.
  case sources([Source])
  /// The next part of the reply, never empty.
  case delta(String)
  /// A tool is run that the model has asked for; the arguments are empty where they are too long to be run.
  case toolCall(id: String, name: String, arguments: String)
  /// The tool has answered, or has not; the passages are those that are new, under the next markers.
  case toolResult(id: String, name: String, summary: String, isError: Bool, sources: [Source])
  /// The reply is stored.
  case completed(finishReason: FinishReason, usage: TokenUsage, citations: [Citation])
  /// The reply could not be given, or not to its end; only of a resumable reply.
  case failed(UseCaseFailure)

  /// Whether no event follows.
  package var isLast: Bool {
    switch self {
    case .started, .sources, .delta, .toolCall, .toolResult: false
    case .completed, .failed: true
    }
  }
}

/// Takes the next event to the reader, and returns when it may have another.
package typealias ChatEmitter = @Sendable (ChatEvent) async throws(UseCaseFailure) -> Void
