package import Domain

/// Makes, reads, renames and deletes the caller's conversations.
package struct ManageConversations: Sendable {
  let conversations: any ConversationRepository
  let makeID: IDGenerator
  let clock: WallClock

  /// Makes an empty conversation; without a title it gets a standard one.
  package func create(title: String?, _ caller: Principal) async throws(UseCaseFailure) -> Conversation {
    let now = clock.now()
    let conversation = Conversation(
      id: makeID(), organizationID: caller.organizationID, userID: caller.userID,
      title: try title.map(Self.checked) ?? Conversation.title(from: ""), createdAt: now, updatedAt: now)
    try await storing("conversation") { () async throws(StorageFailure) in
      try await conversations.insert(conversation)
    }
    return conversation
  }

  /// One of the caller's conversations.
  package func get(_ id: ConversationID, _ caller: Principal) async throws(UseCaseFailure) -> Conversation {
    try await found("conversation") { () async throws(StorageFailure) in
      try await conversations.conversation(id, of: caller.owner)
    }
  }

  /// The caller's conversations, the last changed first.
  package func list(page: PageRequest, _ caller: Principal) async throws(UseCaseFailure) -> Page<Conversation> {
    try await storing("conversation") { () async throws(StorageFailure) in
      try await conversations.conversations(of: caller.owner, page: page)
    }
  }

  /// Changes a title.
  package func rename(
    _ id: ConversationID, to title: String, _ caller: Principal
  ) async throws(UseCaseFailure) -> Conversation {
    let title = try Self.checked(title)
    return try await storing("conversation") { () async throws(StorageFailure) in
      try await conversations.rename(id, of: caller.owner, to: title, at: clock.now())
    }
  }

  /// Deletes a conversation with its messages.
  package func delete(_ id: ConversationID, _ caller: Principal) async throws(UseCaseFailure) {
    try await storing("conversation") { () async throws(StorageFailure) in
      try await conversations.delete(id, of: caller.owner)
    }
  }

  /// All messages, oldest first; `parentID` makes the tree.
  package func messages(
    of id: ConversationID, _ caller: Principal
  ) async throws(UseCaseFailure) -> [ChatMessage] {
    try await storing("conversation") { () async throws(StorageFailure) in
      try await conversations.messages(of: id, owner: caller.owner)
    }
  }

  private static func checked(_ title: String) throws(UseCaseFailure) -> String {
    let title = title.trimmingWhitespace()
    guard !title.isEmpty, title.count <= Conversation.maximumTitleLength else {
      throw .invalid("title must have 1 to \(Conversation.maximumTitleLength) characters")
    }
    try refuseNull(in: title, of: "title")
    return title
  }
}
