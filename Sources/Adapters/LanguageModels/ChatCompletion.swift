import FoundationEssentials

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
