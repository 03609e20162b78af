/// Walks the parent links of a conversation's messages.
package enum MessageTree {
  /// The messages from the root to `leaf`, in that order; empty when `leaf` is not among them.
  ///
  /// A parent that is missing ends the walk, and so does a cycle (which storage refuses, but a walk must end anyway).
  package static func path(to leaf: MessageID, in messages: [ChatMessage]) -> [ChatMessage] {
    let byID = Dictionary(messages.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    var path: [ChatMessage] = []
    var seen: Set<MessageID> = []
    var next: MessageID? = leaf
    while let id = next, let message = byID[id], seen.insert(id).inserted {
      path.append(message)
      next = message.parentID
    }
    return path.reversed()
  }

  /// The newest message that has no child: where a conversation goes on when the client names no parent.
  package static func newestLeaf(of messages: [ChatMessage]) -> ChatMessage? {
    let parents = Set(messages.compactMap(\.parentID))
    return messages.filter { !parents.contains($0.id) }
      .max { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
  }
}
