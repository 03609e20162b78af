import Application
import Domain
import FoundationEssentials

/// The body of `POST /chat/completions` (OpenAI API reference, "Create chat completion").
struct ChatCompletionRequest: Encodable {
  struct Message: Encodable {
    let role: String
    let content: String
  }

  struct StreamOptions: Encodable {
    let include_usage = true
  }

  let model: String
  let messages: [Message]
  let stream = true
  let stream_options = StreamOptions()
  let temperature: Double?
  let max_tokens: Int?

  init(_ request: ModelRequest, model: String, temperature: Double?) {
    self.model = model
    messages = request.messages.map { Message(role: $0.role.rawValue, content: $0.content) }
    self.temperature = temperature
    max_tokens = request.maximumTokens
  }
}

/// One event of the streamed answer (OpenAI API reference, "The chat completion chunk object"); what is not needed is
/// not read.
struct ChatCompletionChunk: Decodable {
  struct Choice: Decodable {
    struct Delta: Decodable {
      let content: String?
    }

    let index: Int?
    let delta: Delta?
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

/// A provider's error: an object in most, a bare string in some.
struct ProviderError: Decodable {
  /// A short code such as `context_length_exceeded`, the only part that is ever shown; `nil` where there is none that
  /// is plainly a code. The message is not read: it may quote the prompt or the key.
  let code: String?

  private enum Keys: String, CodingKey { case code, type }

  init(from decoder: any Decoder) throws {
    guard let fields = try? decoder.container(keyedBy: Keys.self) else {
      // A bare string: an error, without a code.
      code = nil
      return
    }
    // A number as the code (llama.cpp) does not decode as a string, and then the type is looked at.
    let candidates = [try? fields.decode(String.self, forKey: .code), try? fields.decode(String.self, forKey: .type)]
    code = candidates.compactMap { $0 }.first(where: Self.isCode)
  }

  private static func isCode(_ text: String) -> Bool {
    (1...48).contains(text.utf8.count)
      && text.utf8.allSatisfy { (97...122).contains($0) || $0 == UInt8(ascii: "_") }
  }
}

/// The body of an answer that is no stream.
struct ProviderErrorBody: Decodable {
  let error: ProviderError?
}
