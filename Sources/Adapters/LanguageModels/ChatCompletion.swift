import FoundationEssentials
import JSONValues

/// One event of the streamed answer (OpenAI API reference, "The chat completion chunk object"); what is not needed is
/// not read.
struct ChatCompletionChunk: Decodable {
  struct Choice: Decodable {
    struct Delta: Decodable {
      let content: String?
      let tool_calls: [ToolCall]?
    }

    struct ToolCall: Decodable {
      struct Function: Decodable {
        let name: String?
        let arguments: String?
      }

      let index: Int?
      let id: String?
      let function: Function?
    }

    let index: Int?
    let delta: Delta?
    /// What a completion has in place of a delta.
    let text: String?
    let finish_reason: String?
  }

  struct Usage: Decodable {
    let prompt_tokens: Int
    let completion_tokens: Int
  }

  let choices: [Choice]?
  let usage: Usage?
  let error: ProviderError?

  /// The choice that was asked for; servers that number none mean the first.
  var choice: Choice? { choices?.first { ($0.index ?? 0) == 0 } }
}

extension ChatCompletionChunk {
  /// Reads an event of the common form: text, an end, or what was used. Such events are most of all that a gateway reads,
  /// and this takes a twentieth of a decoder's time.
  ///
  /// - Returns: `nil` for any other form, which a decoder has to look at.
  static func read(_ text: String) -> ChatCompletionChunk? {
    var text = text
    return text.withUTF8 { bytes in
      var scanner = JSONScanner(bytes)
      guard let chunk = try? read(&scanner), scanner.isAtEnd else { return nil }
      return chunk
    }
  }

  private static func read(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> ChatCompletionChunk {
    var choices: [Choice]?
    var usage: Usage?
    try scanner.object { (scanner, name) throws(JSONScanner.Failure) in
      if name.isName("choices") {
        var found: [Choice] = []
        try scanner.array { (scanner) throws(JSONScanner.Failure) in found.append(try Choice.read(&scanner)) }
        choices = found
      } else if name.isName("usage") {
        usage = try Usage.read(&scanner)
      } else if name.isName("error") {
        guard try scanner.null() else { throw .unreadable }
      } else {
        try scanner.skip()
      }
    }
    return ChatCompletionChunk(choices: choices, usage: usage, error: nil)
  }
}

extension ChatCompletionChunk.Choice {
  fileprivate static func read(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> Self {
    var (index, delta, text, reason): (Int?, Delta?, String?, String?)
    try scanner.object { (scanner, name) throws(JSONScanner.Failure) in
      if name.isName("delta") {
        if try !scanner.null() { delta = try Delta.read(&scanner) }
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
    return Self(index: index, delta: delta, text: text, finish_reason: reason)
  }
}

extension ChatCompletionChunk.Choice.Delta {
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

extension ChatCompletionChunk.Usage {
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

extension ChatCompletionAnswer {
  /// Reads an answer of the common form: a text, how it ended, what was used.
  ///
  /// - Returns: `nil` for any other form, which a decoder has to look at.
  static func read(_ text: String) -> ChatCompletionAnswer? {
    var text = text
    return text.withUTF8 { bytes in
      var scanner = JSONScanner(bytes)
      guard let answer = try? read(&scanner), scanner.isAtEnd else { return nil }
      return answer
    }
  }

  private static func read(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> ChatCompletionAnswer {
    var choices: [Choice]?
    var usage: ChatCompletionChunk.Usage?
    try scanner.object { (scanner, name) throws(JSONScanner.Failure) in
      if name.isName("choices") {
        var found: [Choice] = []
        try scanner.array { (scanner) throws(JSONScanner.Failure) in found.append(try Choice.read(&scanner)) }
        choices = found
      } else if name.isName("usage") {
        usage = try ChatCompletionChunk.Usage.read(&scanner)
      } else if name.isName("error") {
        guard try scanner.null() else { throw .unreadable }
      } else {
        try scanner.skip()
      }
    }
    return ChatCompletionAnswer(choices: choices, usage: usage, error: nil)
  }
}

extension ChatCompletionAnswer.Choice {
  fileprivate static func read(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> Self {
    var (index, message, text, reason): (Int?, ChatCompletionChunk.Choice.Delta?, String?, String?)
    try scanner.object { (scanner, name) throws(JSONScanner.Failure) in
      if name.isName("message") {
        if try !scanner.null() { message = try ChatCompletionChunk.Choice.Delta.read(&scanner) }
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

/// An answer that is whole (OpenAI API reference, "The chat completion object", "The completion object"); what is not
/// needed is not read.
struct ChatCompletionAnswer: Decodable {
  struct Choice: Decodable {
    let index: Int?
    let message: ChatCompletionChunk.Choice.Delta?
    /// What a completion has in place of a message.
    let text: String?
    let finish_reason: String?
  }

  let choices: [Choice]?
  let usage: ChatCompletionChunk.Usage?
  let error: ProviderError?
}
