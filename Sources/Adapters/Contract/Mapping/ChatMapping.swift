import Application
import Domain
import SwiftProtobuf

/// A stream's message that carries one event of an answer.
protocol ChatEventMessage: Message {
  var started: Opentier_V1_ChatStarted { get set }
  var sources: Opentier_V1_ChatSources { get set }
  var delta: Opentier_V1_ChatDelta { get set }
  var completed: Opentier_V1_ChatCompleted { get set }
  var failed: Opentier_V1_ChatFailed { get set }
  var toolCall: Opentier_V1_ChatToolCall { get set }
  var toolResult: Opentier_V1_ChatToolResult { get set }
}

extension Opentier_V1_StreamChatResponse: ChatEventMessage {}
extension Opentier_V1_RegenerateMessageResponse: ChatEventMessage {}
extension Opentier_V1_ResumeChatResponse: ChatEventMessage {}

extension ChatEventMessage {
  /// An event of the answer.
  init(_ event: ChatEvent) {
    self.init()
    switch event {
    case .started(let conversation, let message, let question, let model):
      started = Opentier_V1_ChatStarted(conversation: conversation, message: message, question: question, model: model)
    case .sources(let sources): self.sources = Opentier_V1_ChatSources(sources)
    case .delta(let text): delta = Opentier_V1_ChatDelta(text)
    case .toolCall(let id, let name, let arguments):
      toolCall = Opentier_V1_ChatToolCall(id: id, name: name, arguments: arguments)
    case .toolResult(let id, let name, let summary, let isError, let sources):
      toolResult = Opentier_V1_ChatToolResult(id: id, name: name, summary: summary, isError: isError, sources: sources)
    case .completed(let reason, let usage, let citations):
      completed = Opentier_V1_ChatCompleted(reason, usage, citations)
    case .failed(let failure): failed = Opentier_V1_ChatFailed(ContractError(failure))
    }
  }
}

extension Opentier_V1_ChatStarted {
  init(conversation: ConversationID, message: MessageID, question: MessageID, model: String) {
    self.init()
    conversationID = conversation.description
    messageID = message.description
    userMessageID = question.description
    self.model = model
  }
}

extension Opentier_V1_ChatSources {
  init(_ sources: [Source]) {
    self.init()
    self.sources = sources.map(Opentier_V1_Source.init)
  }
}

extension Opentier_V1_ChatDelta {
  init(_ text: String) {
    self.init()
    self.text = text
  }
}

extension Opentier_V1_ChatToolCall {
  init(id: String, name: String, arguments: String) {
    self.init()
    self.id = id
    self.name = name
    self.arguments = arguments
  }
}

extension Opentier_V1_ChatToolResult {
  init(id: String, name: String, summary: String, isError: Bool, sources: [Source]) {
    self.init()
    self.id = id
    self.name = name
    self.summary = summary
    self.isError = isError
    self.sources = sources.map(Opentier_V1_Source.init)
  }
}

extension Opentier_V1_ChatCompleted {
  init(_ reason: FinishReason, _ usage: TokenUsage, _ citations: [Citation]) {
    self.init()
    finishReason = reason.rawValue
    self.usage = Opentier_V1_TokenUsage(usage)
    self.citations = citations.map(Opentier_V1_Citation.init)
  }
}

extension Opentier_V1_ChatFailed {
  init(_ error: ContractError) {
    self.init()
    code = error.code.rawValue
    message = error.message
  }
}
