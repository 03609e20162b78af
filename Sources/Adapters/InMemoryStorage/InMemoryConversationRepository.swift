package import Application
package import Domain
package import FoundationEssentials

/// Conversations in memory.
package struct InMemoryConversationRepository: ConversationRepository {
  private let store: InMemoryStore

  /// Reads and writes the conversations of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func insert(_ conversation: Conversation) async throws(StorageFailure) {
    try store.access { state throws(StorageFailure) in
      guard state.conversations[conversation.id] == nil else { throw .conflict("conversation") }
      state.conversations[conversation.id] = conversation
    }
  }

  package func conversation(_ id: ConversationID, of owner: Owner) async throws(StorageFailure) -> Conversation? {
    try store.access { state in state.conversations[id].flatMap { $0.isOwned(by: owner) ? $0 : nil } }
  }

  package func conversations(
    of owner: Owner, page: PageRequest
  ) async throws(StorageFailure) -> Page<Conversation> {
    try store.access { state in
      .newestFirst(
        state.conversations.values.filter { $0.isOwned(by: owner) }, page: page, time: \.updatedAt, id: \.id)
    }
  }

  package func rename(
    _ id: ConversationID, of owner: Owner, to title: String, at time: Date
  ) async throws(StorageFailure) -> Conversation {
    try store.access { state throws(StorageFailure) in
      var conversation = try Self.owned(id, by: owner, in: state)
      conversation.title = title
      conversation.updatedAt = time
      state.conversations[id] = conversation
      return conversation
    }
  }

  package func delete(_ id: ConversationID, of owner: Owner) async throws(StorageFailure) {
    try store.access { state throws(StorageFailure) in
      _ = try Self.owned(id, by: owner, in: state)
      state.conversations[id] = nil
      state.messages = state.messages.filter { $0.value.conversationID != id }
    }
  }

  package func append(_ message: ChatMessage, of owner: Owner) async throws(StorageFailure) {
    try store.access { state throws(StorageFailure) in
      var conversation = try Self.owned(message.conversationID, by: owner, in: state)
      if let parentID = message.parentID {
        guard state.messages[parentID]?.conversationID == conversation.id else { throw .notFound }
      }
      guard state.messages[message.id] == nil else { throw .conflict("message") }
      state.messages[message.id] = message
      conversation.updatedAt = message.createdAt
      state.conversations[conversation.id] = conversation
    }
  }

  package func messages(of id: ConversationID, owner: Owner) async throws(StorageFailure) -> [ChatMessage] {
    try store.access { state throws(StorageFailure) in
      _ = try Self.owned(id, by: owner, in: state)
      return state.messages.values.filter { $0.conversationID == id }
        .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    }
  }

  private static func owned(
    _ id: ConversationID, by owner: Owner, in state: StoreState
  ) throws(StorageFailure) -> Conversation {
    guard let conversation = state.conversations[id], conversation.isOwned(by: owner) else { throw .notFound }
    return conversation
  }
}

extension Conversation {
  fileprivate func isOwned(by owner: Owner) -> Bool {
    organizationID == owner.organizationID && userID == owner.userID
  }
}
