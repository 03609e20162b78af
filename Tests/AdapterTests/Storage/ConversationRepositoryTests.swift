import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: conversations")
struct ConversationRepositoryTests {
  @Test("a conversation is read back by its owner alone", arguments: StorageUnderTest.all)
  func ownership(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let owner = Owner.sample()
      let conversation = Conversation.sample(of: owner, title: "Straße 🚦")
      try await storage.conversations.insert(conversation)
      #expect(try await storage.conversations.conversation(conversation.id, of: owner) == conversation)
      let strangers = [
        Owner.sample(), Owner(organizationID: otherOrganization, userID: owner.userID),
      ]
      for stranger in strangers {
        let id = conversation.id
        let message = ChatMessage(
          id: .random(), conversationID: id, parentID: nil, role: .user, content: "x", createdAt: seconds(1))
        #expect(try await storage.conversations.conversation(id, of: stranger) == nil)
        #expect(try await storage.conversations.conversations(of: stranger, page: PageRequest()).items.isEmpty)
        await #expect(throws: StorageFailure.notFound) {
          try await storage.conversations.rename(id, of: stranger, to: "mine", at: seconds(1))
        }
        await #expect(throws: StorageFailure.notFound) {
          try await storage.conversations.delete(id, of: stranger)
        }
        await #expect(throws: StorageFailure.notFound) {
          try await storage.conversations.append(message, of: stranger)
        }
        await #expect(throws: StorageFailure.notFound) {
          try await storage.conversations.messages(of: id, owner: stranger)
        }
      }
      #expect(try await storage.conversations.conversation(conversation.id, of: owner) == conversation)
      #expect(try await storage.conversations.messages(of: conversation.id, owner: owner).isEmpty)
    }
  }

  @Test("a conversation's id is taken once", arguments: StorageUnderTest.all)
  func duplicate(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let owner = Owner.sample()
      let conversation = Conversation.sample(of: owner)
      try await storage.conversations.insert(conversation)
      await #expect(throws: StorageFailure.conflict("conversation")) {
        try await storage.conversations.insert(.sample(of: .sample(), id: conversation.id, title: "theirs"))
      }
      #expect(try await storage.conversations.conversation(conversation.id, of: owner) == conversation)
    }
  }

  @Test("conversations are listed by their last change, ties by id, page by page", arguments: StorageUnderTest.all)
  func listing(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let owner = Owner.sample()
      for byte in UInt8(1)...5 {
        try await storage.conversations.insert(
          .sample(of: owner, id: .repeating(byte), updatedAt: seconds(byte == 1 ? 10 : 0)))
      }
      try await storage.conversations.insert(.sample(of: .sample()))
      let expected = [1, 5, 4, 3, 2].map { ConversationID.repeating($0) }
      for size in [1, 2, 5] {
        let (items, _) = try await allPages(size: size) {
          try await storage.conversations.conversations(of: owner, page: $0)
        }
        #expect(items.map(\.id) == expected)
      }
    }
  }

  @Test("a page goes on where the last one ended even when its last item is gone", arguments: StorageUnderTest.all)
  func pagingOverDeletion(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let owner = Owner.sample()
      for byte in UInt8(1)...4 { try await storage.conversations.insert(.sample(of: owner, id: .repeating(byte))) }
      let first = try await storage.conversations.conversations(of: owner, page: PageRequest(size: 2))
      #expect(first.items.map(\.id) == [.repeating(4), .repeating(3)])
      try await storage.conversations.delete(.repeating(3), of: owner)
      let second = try await storage.conversations.conversations(
        of: owner, page: PageRequest(size: 2, after: first.next))
      #expect(second.items.map(\.id) == [.repeating(2), .repeating(1)])
      #expect(second.next == nil)
    }
  }

  @Test("a new title is stored with its time", arguments: StorageUnderTest.all)
  func rename(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let owner = Owner.sample()
      let conversation = Conversation.sample(of: owner)
      try await storage.conversations.insert(conversation)
      let renamed = try await storage.conversations.rename(conversation.id, of: owner, to: "New", at: seconds(7))
      #expect(renamed.title == "New")
      #expect(renamed.updatedAt == seconds(7))
      #expect(try await storage.conversations.conversation(conversation.id, of: owner) == renamed)
      await #expect(throws: StorageFailure.notFound) {
        try await storage.conversations.rename(.random(), of: owner, to: "New", at: seconds(7))
      }
    }
  }

  @Test("a message is read back with its sources and citations", arguments: StorageUnderTest.all)
  func messageRoundTrip(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let owner = Owner.sample()
      let conversation = Conversation.sample(of: owner)
      try await storage.conversations.insert(conversation)
      let source = Source(
        marker: 1, documentID: .random(), revisionID: .random(), chunkID: .random(), title: "\"T\"",
        text: "Zeile\n\u{1F600} {}", startOffset: 3, endOffset: 18, submittedBy: "A", approvedBy: "B",
        pages: PageSpan(first: 3, last: 4))
      let unpaged = Source(
        marker: 2, documentID: .random(), revisionID: .random(), chunkID: .random(), title: "U", text: "u",
        startOffset: 0, endOffset: 1, submittedBy: "A", approvedBy: "B")
      let question = ChatMessage(
        id: .random(), conversationID: conversation.id, parentID: nil, role: .user, content: "What?",
        createdAt: seconds(1))
      let reply = ChatMessage(
        id: .random(), conversationID: conversation.id, parentID: question.id, role: .assistant, content: "That [1].",
        sources: [source, unpaged], citations: [Citation(source: source)], model: "extractive", finishReason: .stop,
        usage: TokenUsage(promptTokens: 5, completionTokens: 6), createdAt: seconds(2))
      try await storage.conversations.append(question, of: owner)
      try await storage.conversations.append(reply, of: owner)
      #expect(try await storage.conversations.messages(of: conversation.id, owner: owner) == [question, reply])
      #expect(try await storage.conversations.conversation(conversation.id, of: owner)?.updatedAt == seconds(2))
    }
  }

  @Test("messages come by time, then id", arguments: StorageUnderTest.all)
  func messageOrder(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let owner = Owner.sample()
      let conversation = Conversation.sample(of: owner)
      try await storage.conversations.insert(conversation)
      for (byte, time) in [(3, 1), (2, 1), (1, 2), (4, 0)] as [(UInt8, Int64)] {
        try await storage.conversations.append(
          ChatMessage(
            id: .repeating(byte), conversationID: conversation.id, parentID: nil, role: .user, content: "",
            createdAt: seconds(time)), of: owner)
      }
      let ids = try await storage.conversations.messages(of: conversation.id, owner: owner).map(\.id)
      #expect(ids == [.repeating(4), .repeating(2), .repeating(3), .repeating(1)])
    }
  }

  @Test("a refused message changes nothing", arguments: StorageUnderTest.all)
  func refusedMessage(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let owner = Owner.sample()
      let conversation = Conversation.sample(of: owner)
      let other = Conversation.sample(of: owner)
      try await storage.conversations.insert(conversation)
      try await storage.conversations.insert(other)
      func message(_ id: MessageID, in conversation: Conversation, parent: MessageID?, at time: Int64) -> ChatMessage {
        ChatMessage(
          id: id, conversationID: conversation.id, parentID: parent, role: .user, content: "x",
          createdAt: seconds(time))
      }
      let first = message(.random(), in: conversation, parent: nil, at: 1)
      try await storage.conversations.append(first, of: owner)
      await #expect(throws: StorageFailure.conflict("message")) {
        try await storage.conversations.append(message(first.id, in: conversation, parent: nil, at: 9), of: owner)
      }
      await #expect(throws: StorageFailure.notFound) {
        try await storage.conversations.append(
          message(.random(), in: conversation, parent: .random(), at: 9), of: owner)
      }
      await #expect(throws: StorageFailure.notFound) {
        try await storage.conversations.append(message(.random(), in: other, parent: first.id, at: 9), of: owner)
      }
      #expect(try await storage.conversations.messages(of: conversation.id, owner: owner) == [first])
      #expect(try await storage.conversations.conversation(conversation.id, of: owner)?.updatedAt == seconds(1))
      #expect(try await storage.conversations.conversation(other.id, of: owner)?.updatedAt == seconds(0))
    }
  }

  @Test("a deleted conversation takes its messages with it", arguments: StorageUnderTest.all)
  func deletion(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let owner = Owner.sample()
      let conversation = Conversation.sample(of: owner)
      try await storage.conversations.insert(conversation)
      let message = ChatMessage(
        id: .random(), conversationID: conversation.id, parentID: nil, role: .user, content: "x",
        createdAt: seconds(1))
      try await storage.conversations.append(message, of: owner)
      try await storage.conversations.delete(conversation.id, of: owner)
      #expect(try await storage.conversations.conversation(conversation.id, of: owner) == nil)
      await #expect(throws: StorageFailure.notFound) {
        try await storage.conversations.messages(of: conversation.id, owner: owner)
      }
      await #expect(throws: StorageFailure.notFound) {
        try await storage.conversations.delete(conversation.id, of: owner)
      }
      // Its messages' ids are free again, so they are gone too.
      try await storage.conversations.insert(conversation)
      try await storage.conversations.append(message, of: owner)
      #expect(try await storage.conversations.messages(of: conversation.id, owner: owner) == [message])
    }
  }
}
