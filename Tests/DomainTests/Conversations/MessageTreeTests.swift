import Domain
import FoundationEssentials
import Testing

@Suite("Message tree")
struct MessageTreeTests {
  let conversation = ConversationID(UUID())

  func message(_ id: MessageID, parent: MessageID?, at seconds: TimeInterval) -> ChatMessage {
    ChatMessage(
      id: id, conversationID: conversation, parentID: parent, role: .user, content: "",
      createdAt: Date(timeIntervalSince1970: seconds))
  }

  @Test("the path runs from the root to the leaf, and the newest leaf is the one to go on from")
  func pathAndLeaf() {
    let ids = (0..<4).map { _ in MessageID(UUID()) }
    let messages = [
      message(ids[0], parent: nil, at: 1), message(ids[1], parent: ids[0], at: 2),
      message(ids[2], parent: ids[0], at: 3), message(ids[3], parent: ids[1], at: 4),
    ]
    #expect(MessageTree.path(to: ids[3], in: messages).map(\.id) == [ids[0], ids[1], ids[3]])
    #expect(MessageTree.newestLeaf(of: messages)?.id == ids[3])
    #expect(MessageTree.path(to: MessageID(UUID()), in: messages).isEmpty)
    #expect(MessageTree.newestLeaf(of: []) == nil)
  }

  @Test("a missing parent and a cycle end the walk")
  func broken() {
    let (a, b) = (MessageID(UUID()), MessageID(UUID()))
    let cycle = [message(a, parent: b, at: 1), message(b, parent: a, at: 2)]
    #expect(MessageTree.path(to: a, in: cycle).count == 2)
    #expect(MessageTree.path(to: a, in: [message(a, parent: b, at: 1)]).map(\.id) == [a])
  }

  @Test(
    "a title is the first line of the message, collapsed and cut",
    arguments: [
      ("What is lift?\nAnd drag?", "What is lift?"), ("  two   words ", "two words"), ("", "New conversation"),
      (String(repeating: "x", count: 80), String(repeating: "x", count: 80)),
      (String(repeating: "x", count: 81), String(repeating: "x", count: 79) + "…"),
    ])
  func titles(message: String, title: String) {
    #expect(Conversation.title(from: message) == title)
  }
}
