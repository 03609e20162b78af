import JSONValues
import NIOCore

extension ChatCompletionRequest {
  /// Reads a request of the common form: texts that are said, and plain numbers. It takes a tenth of a decoder's time.
  ///
  /// - Returns: `nil` for any other form, which a decoder has to look at, and for what is wrong, which it can name.
  static func common(_ body: ByteBuffer) -> ChatCompletionRequest? {
    body.withUnsafeReadableBytes { bytes in
      var scanner = JSONScanner(bytes.assumingMemoryBound(to: UInt8.self))
      var fields = CommonFields()
      guard (try? fields.read(&scanner)) != nil, scanner.isAtEnd, let model = fields.model,
        let messages = fields.messages
      else { return nil }
      return ChatCompletionRequest(
        model: model, messages: messages, stream: fields.stream,
        stream_options: fields.includeUsage.map { StreamOptions(include_usage: $0) }, temperature: fields.temperature,
        top_p: fields.topP, n: nil, stop: nil, max_tokens: fields.maximumTokens.map(WholeNumber.init),
        max_completion_tokens: fields.maximumCompletionTokens.map(WholeNumber.init), presence_penalty: nil,
        frequency_penalty: nil, seed: fields.seed.map(WholeNumber.init), logprobs: nil, logit_bias: nil,
        response_format: nil, tools: nil, tool_choice: nil, parallel_tool_calls: nil, functions: nil, modalities: nil,
        reasoning_effort: nil)
    }
  }

  private struct CommonFields {
    var model: String?
    var messages: [ChatCompletionMessage]?
    var stream: Bool?
    var includeUsage: Bool?
    var temperature: Double?
    var topP: Double?
    var maximumTokens: Int?
    var maximumCompletionTokens: Int?
    var seed: Int?

    mutating func read(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) {
      var fields = self
      try scanner.object { (scanner, name) throws(JSONScanner.Failure) in
        if name.isName("model") {
          fields.model = try scanner.string()
        } else if name.isName("messages") {
          var messages: [ChatCompletionMessage] = []
          try scanner.array { (scanner) throws(JSONScanner.Failure) in
            messages.append(try ChatCompletionMessage.common(&scanner))
          }
          fields.messages = messages
        } else if name.isName("stream") {
          fields.stream = try scanner.bool()
        } else if name.isName("stream_options") {
          try scanner.object { (scanner, name) throws(JSONScanner.Failure) in
            guard name.isName("include_usage") else { throw .unreadable }
            fields.includeUsage = try scanner.bool()
          }
        } else if name.isName("temperature") {
          fields.temperature = try scanner.double()
        } else if name.isName("top_p") {
          fields.topP = try scanner.double()
        } else if name.isName("max_tokens") {
          fields.maximumTokens = try scanner.integer()
        } else if name.isName("max_completion_tokens") {
          fields.maximumCompletionTokens = try scanner.integer()
        } else if name.isName("seed") {
          fields.seed = try scanner.integer()
        } else if name.isName("user") {
          _ = try scanner.string()
        } else {
          throw .unreadable
        }
      }
      self = fields
    }
  }
}

extension ChatCompletionMessage {
  /// Reads a message that is a role and a text.
  fileprivate static func common(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> ChatCompletionMessage {
    var (role, content): (String?, String?)
    try scanner.object { (scanner, name) throws(JSONScanner.Failure) in
      if name.isName("role") {
        role = try scanner.string()
      } else if name.isName("content") {
        content = try scanner.string()
      } else {
        throw .unreadable
      }
    }
    guard let role, let content else { throw .unreadable }
    return ChatCompletionMessage(role: role, content: Content(text: content), tool_calls: nil, tool_call_id: nil)
  }
}
