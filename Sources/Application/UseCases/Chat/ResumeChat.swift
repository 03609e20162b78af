package import Domain

/// Takes up the stream of a resumable reply behind the last event that its reader has seen.
package struct ResumeChat: Sendable {
  /// Where to go on.
  package struct Command: Hashable, Sendable {
    /// The reply.
    package let messageID: MessageID
    /// The id of the last event that was seen; 0 for none.
    package let lastEventID: Int

    /// Makes a command.
    package init(messageID: MessageID, lastEventID: Int = 0) {
      self.messageID = messageID
      self.lastEventID = lastEventID
    }
  }

  let follow: FollowReply

  /// Hands on the events behind the last that was seen, and those that come, to the end. The reader before is replaced,
  /// and its stream ends.
  ///
  /// - Throws: `.notFound` when the caller has no resumable reply of that id, or no longer; `.invalid` for an event that
  ///   is not there yet. A failure of the reply is the event `failed`.
  package func callAsFunction(
    _ command: Command, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    guard command.lastEventID >= 0 else { throw .invalid("lastEventId must not be negative") }
    try await follow(command.messageID, of: caller.owner, after: command.lastEventID, emit: emit)
  }
}
