import Application
import Domain
import FoundationEssentials
import StoredJSON

/// An event of a reply as the column `event` of `chat_reply_events` holds it.
struct ChatEventJSON: Codable {
  struct Started: Codable {
    let conversationID: UUID
    let messageID: UUID
    let userMessageID: UUID
    let model: String
  }

  struct Completed: Codable {
    let finishReason: String
    let promptTokens: Int
    let completionTokens: Int
    let citations: [SourceJSON]
  }

  struct ToolCall: Codable {
    let id: String
    let name: String
    let arguments: String
  }

  struct ToolResult: Codable {
    let id: String
    let name: String
    let summary: String
    let isError: Bool
    let sources: [SourceJSON]
  }

  struct Failed: Codable {
    let kind: String
    let message: String
  }

  private(set) var started: Started?
  private(set) var sources: [SourceJSON]?
  private(set) var delta: String?
  private(set) var toolCall: ToolCall?
  private(set) var toolResult: ToolResult?
  private(set) var completed: Completed?
  private(set) var failed: Failed?

  init(_ event: ChatEvent) {
    switch event {
    case .started(let conversation, let message, let question, let model):
      started = Started(
        conversationID: conversation.uuid, messageID: message.uuid, userMessageID: question.uuid, model: model)
    case .sources(let given): sources = given.map(SourceJSON.init)
    case .delta(let text): delta = text
    case .toolCall(let id, let name, let arguments): toolCall = ToolCall(id: id, name: name, arguments: arguments)
    case .toolResult(let id, let name, let summary, let isError, let sources):
      toolResult = ToolResult(
        id: id, name: name, summary: summary, isError: isError, sources: sources.map(SourceJSON.init))
    case .completed(let reason, let usage, let citations):
      completed = Completed(
        finishReason: reason.rawValue, promptTokens: usage.promptTokens, completionTokens: usage.completionTokens,
        citations: citations.map { SourceJSON($0.source) })
    case .failed(let failure): failed = Failed(failure)
    }
  }

  func text() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// - Throws: `UnreadableValue` for what no version of ours has written.
  func event() throws -> ChatEvent {
    if let delta { return .delta(delta) }
    if let started {
      return .started(
        conversationID: ConversationID(started.conversationID), messageID: MessageID(started.messageID),
        userMessageID: MessageID(started.userMessageID), model: started.model)
    }
    if let sources { return .sources(sources.map(\.source)) }
    if let toolCall { return .toolCall(id: toolCall.id, name: toolCall.name, arguments: toolCall.arguments) }
    if let toolResult {
      return .toolResult(
        id: toolResult.id, name: toolResult.name, summary: toolResult.summary, isError: toolResult.isError,
        sources: toolResult.sources.map(\.source))
    }
    if let completed, let reason = FinishReason(rawValue: completed.finishReason) {
      return .completed(
        finishReason: reason,
        usage: TokenUsage(promptTokens: completed.promptTokens, completionTokens: completed.completionTokens),
        citations: completed.citations.map { Citation(source: $0.source) })
    }
    if let failure = failed?.failure { return .failed(failure) }
    throw UnreadableValue(column: "event")
  }
}

extension ChatEventJSON.Failed {
  fileprivate init(_ failure: UseCaseFailure) {
    switch failure {
    case .invalid(let words): self.init(kind: "invalid", message: words)
    case .tooLong(let words): self.init(kind: "tooLong", message: words)
    case .unauthenticated(let words): self.init(kind: "unauthenticated", message: words)
    case .forbidden(let words): self.init(kind: "forbidden", message: words)
    case .notFound(let words): self.init(kind: "notFound", message: words)
    case .alreadyExists(let words): self.init(kind: "alreadyExists", message: words)
    case .precondition(let words): self.init(kind: "precondition", message: words)
    case .exhausted(let words): self.init(kind: "exhausted", message: words)
    case .limited(let refusal): self.init(kind: "exhausted", message: refusal.words)
    // When to try again was true when it was said.
    case .unavailable(let words), .overloaded(let words, _): self.init(kind: "unavailable", message: words)
    case .broken(let detail): self.init(kind: "broken", message: detail)
    case .cancelled: self.init(kind: "cancelled", message: "")
    }
  }

  fileprivate var failure: UseCaseFailure? {
    switch kind {
    case "invalid": .invalid(message)
    case "tooLong": .tooLong(message)
    case "unauthenticated": .unauthenticated(message)
    case "forbidden": .forbidden(message)
    case "notFound": .notFound(message)
    case "alreadyExists": .alreadyExists(message)
    case "precondition": .precondition(message)
    case "exhausted": .exhausted(message)
    case "unavailable": .unavailable(message)
    case "broken": .broken(message)
    case "cancelled": .cancelled
    default: nil
    }
  }
}
