package import Domain
package import FoundationEssentials

/// A tool that this server runs for a model in the middle of a reply, with the rights of whoever asked.
///
/// A model can be talked into any call by what it has read: a tool reads, and changes nothing.
package protocol ChatTool: Sendable {
  /// What the model is told of it. Names are unique among the tools of a server.
  var definition: ModelTool { get }

  /// Runs it. The task is cancelled when the reply is, or when the time for one call is over.
  ///
  /// - Parameter arguments: a JSON object, as the model wrote it.
  func callAsFunction(_ arguments: String, _ use: ChatToolUse) async throws(ChatToolFailure) -> ChatToolAnswer
}

/// For whom a tool is run, and where it may look.
package struct ChatToolUse: Sendable {
  /// Whoever asked.
  package let caller: Principal
  /// What the reader has narrowed the question to, which holds for tools too.
  package let filters: SearchFilters
  /// The time whose revisions are read; `nil` for now.
  package let asOf: Date?
  /// The passages that the model knows so far, by their markers.
  package let sources: [Source]

  /// Makes a use.
  package init(caller: Principal, filters: SearchFilters, asOf: Date?, sources: [Source]) {
    self.caller = caller
    self.filters = filters
    self.asOf = asOf
    self.sources = sources
  }
}

/// What a tool answers.
package enum ChatToolAnswer: Hashable, Sendable {
  /// Passages, the best first: they become sources that the reply can cite.
  case passages([SearchHit])
  /// A text, which the model gets as quoted data.
  case text(String)
}

/// Why a tool has no answer.
package enum ChatToolFailure: Error, Hashable, Sendable {
  /// The arguments break a rule; the model is told which.
  case invalid(String)
  /// It did not work; the model is told why, in words without secrets.
  case failed(String)
  /// The task was cancelled.
  case cancelled
}
