import FoundationEssentials
import JSONValues

/// One event of the streamed answer (OpenAI API reference, "The chat completion chunk object").
typealias ChatCompletionChunk = ChatCompletion<ChunkChoice>

/// An answer that is whole (OpenAI API reference, "The chat completion object", "The completion object").
typealias ChatCompletionAnswer = ChatCompletion<AnswerChoice>

/// What a streamed event and a whole answer have in common; what is not needed is not read.
struct ChatCompletion<Choice: ChatCompletionChoice>: Decodable {
  let choices: [Choice]?
  let usage: ChatCompletionUsage?
  let error: ProviderError?

  /// The choice that was asked for; servers that number none mean the first.
  var choice: Choice? { choices?.first { ($0.index ?? 0) == 0 } }
}

/// A choice, whose message has a name of its own in each.
protocol ChatCompletionChoice: Decodable {
  /// The name of the message.
  static var messageName: StaticString { get }
  var index: Int? { get }
  var message: ChatCompletionPart? { get }
  /// What a completion has in place of a message.
  var text: String? { get }
  var finish_reason: String? { get }

  init(index: Int?, message: ChatCompletionPart?, text: String?, finish_reason: String?)
}

/// A choice of an event: a part of the message.
struct ChunkChoice: ChatCompletionChoice {
  static var messageName: StaticString { "delta" }

  let index: Int?
  let delta: ChatCompletionPart?
  let text: String?
  let finish_reason: String?

  var message: ChatCompletionPart? { delta }

  init(index: Int?, message: ChatCompletionPart?, text: String?, finish_reason: String?) {
    (self.index, delta, self.text, self.finish_reason) = (index, message, text, finish_reason)
  }
}

/// A choice of a whole answer.
struct AnswerChoice: ChatCompletionChoice {
  static var messageName: StaticString { "message" }

  let index: Int?
  let message: ChatCompletionPart?
  let text: String?
  let finish_reason: String?
}

/// A message, or a part of one.
struct ChatCompletionPart: Decodable {
  struct ToolCall: Decodable {
    struct Function: Decodable {
      let name: String?
      let arguments: String?
    }

    let index: Int?
    let id: String?
    let function: Function?
  }

  let content: String?
  let tool_calls: [ToolCall]?
}

/// What was used.
struct ChatCompletionUsage: Decodable {
  let prompt_tokens: Int
  let completion_tokens: Int
}

// The common form

extension ChatCompletion {
  /// Reads an event or an answer of the common form: text, how it ended, what was used. Such are most of all that a gateway
  /// reads, and this takes a twentieth of a decoder's time.
  ///
  /// - Returns: `nil` for any other form, which a decoder has to look at.
  static func read(_ text: String) -> Self? {
    var text = text
    return text.withUTF8 { bytes in
      var scanner = JSONScanner(bytes)
      guard let completion = try? read(&scanner), scanner.isAtEnd else { return nil }
      return completion
    }
  }

  private static func read(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> Self {
    var choices: [Choice]?
    var usage: ChatCompletionUsage?
    try scanner.object { (scanner, name) throws(JSONScanner.Failure) in
      if name.isName("choices") {
        var found: [Choice] = []
        try scanner.array { (scanner) throws(JSONScanner.Failure) in found.append(try Choice.read(&scanner)) }
        choices = found
      } else if name.isName("usage") {
        usage = try ChatCompletionUsage.read(&scanner)
      } else if name.isName("error") {
        guard try scanner.null() else { throw .unreadable }
      } else {
        try scanner.skip()
      }
    }
    return Self(choices: choices, usage: usage, error: nil)
  }
}

extension ChatCompletionChoice {
  fileprivate static func read(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> Self {
    var (index, message, text, reason): (Int?, ChatCompletionPart?, String?, String?)
    try scanner.object { (scanner, name) throws(JSONScanner.Failure) in
      if name.isName(messageName) {
        if try !scanner.null() { message = try ChatCompletionPart.read(&scanner) }
      } else if name.isName("index") {
        if try !scanner.null() { index = try scanner.integer() }
      } else if name.isName("finish_reason") {
        if try !scanner.null() { reason = try scanner.string() }
      } else if name.isName("text") {
        if try !scanner.null() { text = try scanner.string() }
      } else {
        try scanner.skip()
      }
    }
    return Self(index: index, message: message, text: text, finish_reason: reason)
  }
}

extension ChatCompletionPart {
  fileprivate static func read(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> Self {
    var content: String?
    try scanner.object { (scanner, name) throws(JSONScanner.Failure) in
      if name.isName("content") {
        if try !scanner.null() { content = try scanner.string() }
      } else if name.isName("tool_calls") {
        guard try scanner.null() else { throw .unreadable }
      } else {
        try scanner.skip()
      }
    }
    return Self(content: content, tool_calls: nil)
  }
}

extension ChatCompletionUsage {
  fileprivate static func read(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> Self? {
    if try scanner.null() { return nil }
    var (prompt, completion): (Int?, Int?)
    try scanner.object { (scanner, name) throws(JSONScanner.Failure) in
      if name.isName("prompt_tokens") {
        prompt = try scanner.integer()
      } else if name.isName("completion_tokens") {
        completion = try scanner.integer()
      } else {
        try scanner.skip()
      }
    }
    guard let prompt, let completion else { throw .unreadable }
    return Self(prompt_tokens: prompt, completion_tokens: completion)
  }
}
