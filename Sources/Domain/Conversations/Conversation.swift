package import FoundationEssentials

/// A tree of messages that belongs to one user.
package struct Conversation: Hashable, Sendable {
  /// The most characters of a title.
  package static let maximumTitleLength = 200

  /// Its id.
  package let id: ConversationID
  /// The tenant.
  package let organizationID: OrganizationID
  /// The owner.
  package let userID: UserID
  /// What lists show.
  package var title: String
  /// When it was made.
  package let createdAt: Date
  /// When its title or messages last changed.
  package var updatedAt: Date

  /// Makes a conversation of its parts.
  package init(
    id: ConversationID, organizationID: OrganizationID, userID: UserID, title: String, createdAt: Date, updatedAt: Date
  ) {
    self.id = id
    self.organizationID = organizationID
    self.userID = userID
    self.title = title
    self.createdAt = createdAt
    self.updatedAt = updatedAt
  }

  /// A title from a first message: its first line, white space collapsed, at most 80 characters.
  package static func title(from message: String) -> String {
    let words = message.split(whereSeparator: \.isNewline).first?.split(whereSeparator: \.isWhitespace) ?? []
    let line = words.joined(separator: " ")
    guard !line.isEmpty else { return "New conversation" }
    return line.count <= 80 ? line : line.prefix(79) + "…"
  }
}

/// Who wrote a message.
package enum MessageRole: String, Sendable, CaseIterable {
  /// A person.
  case user
  /// A model.
  case assistant
  /// The operator's instructions.
  case system
}

/// Why a reply ended; the raw values are what clients see.
package enum FinishReason: String, Sendable, CaseIterable {
  /// The model was done.
  case stop
  /// The model's limit of output tokens was reached.
  case length
  /// The reader left or cancelled; what came until then is kept.
  case cancelled
  /// The model failed half-way; what came until then is kept.
  case failed
}

/// One message of a conversation.
package struct ChatMessage: Hashable, Sendable {
  /// Its id.
  package let id: MessageID
  /// The conversation it is part of.
  package let conversationID: ConversationID
  /// The message it answers or follows; `nil` for a root. Messages with one parent are branches.
  package let parentID: MessageID?
  /// Who wrote it.
  package let role: MessageRole
  /// Its text (Markdown), with citation markers such as `[1]` in a reply.
  package let content: String
  /// The passages that were given to the model, as they were then.
  package let sources: [Source]
  /// The checked citations, in order of their first marker in the text.
  package let citations: [Citation]
  /// The model's name, for a reply.
  package let model: String?
  /// Why the reply ended, for a reply.
  package let finishReason: FinishReason?
  /// What the reply cost in tokens.
  package let usage: TokenUsage
  /// When it was made.
  package let createdAt: Date

  /// Makes a message of its parts.
  package init(
    id: MessageID, conversationID: ConversationID, parentID: MessageID?, role: MessageRole, content: String,
    sources: [Source] = [], citations: [Citation] = [], model: String? = nil, finishReason: FinishReason? = nil,
    usage: TokenUsage = TokenUsage(promptTokens: 0, completionTokens: 0), createdAt: Date
  ) {
    self.id = id
    self.conversationID = conversationID
    self.parentID = parentID
    self.role = role
    self.content = content
    self.sources = sources
    self.citations = citations
    self.model = model
    self.finishReason = finishReason
    self.usage = usage
    self.createdAt = createdAt
  }
}
