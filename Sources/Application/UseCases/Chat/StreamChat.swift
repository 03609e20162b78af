package import Domain
package import FoundationEssentials

/// Stores a question and streams the reply to it.
package struct StreamChat: Sendable {
  /// What is asked.
  package struct Command: Sendable {
    /// The most characters of a message.
    package static let maximumLength = 32_000

    /// The question.
    package let message: String
    /// The conversation it goes on; `nil` begins one.
    package let conversationID: ConversationID?
    /// The message it follows; `nil` follows the newest leaf.
    package let parentID: MessageID?
    /// The model's name; `nil` takes the default.
    package let model: String?
    /// The time whose revisions are searched; `nil` for now.
    package let asOf: Date?
    /// What narrows the search.
    package let filters: SearchFilters
    /// Whether the reply goes on when its reader leaves, so that ``ResumeChat`` can take it up.
    package let isResumable: Bool

    /// Makes a command.
    package init(
      message: String, conversationID: ConversationID? = nil, parentID: MessageID? = nil, model: String? = nil,
      asOf: Date? = nil, filters: SearchFilters = SearchFilters(), isResumable: Bool = false
    ) {
      self.message = message
      self.conversationID = conversationID
      self.parentID = parentID
      self.model = model
      self.asOf = asOf
      self.filters = filters
      self.isResumable = isResumable
    }
  }

  let conversations: any ConversationRepository
  let makeID: IDGenerator
  let clock: WallClock
  let write: WriteReply

  /// Checks the input, stores the question, and writes the reply.
  package func callAsFunction(
    _ command: Command, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await self(command, caller, meter: nil, emit: emit)
  }

  func callAsFunction(
    _ command: Command, _ caller: Principal, meter: UsageMeter?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    let text = command.message.trimmingWhitespace()
    guard !text.isEmpty else { throw .invalid("message must not be empty") }
    guard text.count <= Command.maximumLength else {
      throw .invalid("message must have at most \(Command.maximumLength) characters")
    }
    try refuseNull(in: text, of: "message")
    try command.filters.refuseNull()
    guard command.parentID == nil || command.conversationID != nil else {
      throw .invalid("parentId needs the conversationId that it is in")
    }
    let model = try write.model(named: command.model)
    let questionID: MessageID = makeID()
    try await write.opening(isResumable: command.isResumable, caller, meter: meter, emit: emit) {
      reply throws(UseCaseFailure) in
      let (conversationID, history) = try await place(command, title: text, caller)
      let question = ChatMessage(
        id: questionID, conversationID: conversationID, parentID: history.last?.id, role: .user, content: text,
        createdAt: clock.now())
      try await storing("conversation") { () async throws(StorageFailure) in
        try await conversations.append(question, of: caller.owner)
      }
      return WriteReply.Order(
        reply: reply, question: question, history: history, model: model, asOf: command.asOf, filters: command.filters)
    }
  }

  /// The conversation to go on with, made where none is named, and the messages above the question.
  private func place(
    _ command: Command, title: String, _ caller: Principal
  ) async throws(UseCaseFailure) -> (ConversationID, [ChatMessage]) {
    if let id = command.conversationID {
      let messages = try await storing("conversation") { () async throws(StorageFailure) in
        try await conversations.messages(of: id, owner: caller.owner)
      }
      guard let parent = command.parentID else {
        return (id, MessageTree.newestLeaf(of: messages).map { MessageTree.path(to: $0.id, in: messages) } ?? [])
      }
      let path = MessageTree.path(to: parent, in: messages)
      guard !path.isEmpty else { throw .notFound("there is no such parent message") }
      return (id, path)
    }
    let now = clock.now()
    let conversation = Conversation(
      id: makeID(), organizationID: caller.organizationID, userID: caller.userID,
      title: Conversation.title(from: title), createdAt: now, updatedAt: now)
    try await storing("conversation") { () async throws(StorageFailure) in
      try await conversations.insert(conversation)
    }
    return (conversation.id, [])
  }
}

/// Writes another reply to the question that a reply answers, as a branch beside it.
package struct RegenerateMessage: Sendable {
  /// Which answer is written again.
  package struct Command: Sendable {
    /// The answer.
    package let messageID: MessageID
    /// The conversation that it is in.
    package let conversationID: ConversationID
    /// The model's name; `nil` takes the default.
    package let model: String?
    /// Whether the reply goes on when its reader leaves, so that ``ResumeChat`` can take it up.
    package let isResumable: Bool

    /// Makes a command.
    package init(
      messageID: MessageID, conversationID: ConversationID, model: String? = nil, isResumable: Bool = false
    ) {
      self.messageID = messageID
      self.conversationID = conversationID
      self.model = model
      self.isResumable = isResumable
    }
  }

  let conversations: any ConversationRepository
  let write: WriteReply

  /// Writes the new reply.
  ///
  /// - Throws: `.notFound`; `.precondition` when the message is not a reply.
  package func callAsFunction(
    _ command: Command, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try await self(command, caller, meter: nil, emit: emit)
  }

  func callAsFunction(
    _ command: Command, _ caller: Principal, meter: UsageMeter?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    let model = try write.model(named: command.model)
    let messages = try await storing("conversation") { () async throws(StorageFailure) in
      try await conversations.messages(of: command.conversationID, owner: caller.owner)
    }
    let path = MessageTree.path(to: command.messageID, in: messages)
    guard let reply = path.last else { throw .notFound("there is no such message") }
    guard reply.role == .assistant, let question = path.dropLast().last, question.role == .user else {
      throw .precondition("only a reply to a question can be written again")
    }
    try await write.opening(isResumable: command.isResumable, caller, meter: meter, emit: emit) {
      reply throws(UseCaseFailure) in
      WriteReply.Order(
        reply: reply, question: question, history: Array(path.dropLast(2)), model: model, asOf: nil,
        filters: SearchFilters())
    }
  }
}
