import Application
import JSONValues

/// The body of `POST /v1/completions`.
///
/// Source: OpenAI API reference, "Create completion".
struct TextCompletionRequest: Decodable {
  let model: String
  let prompt: JSONValue
  let suffix: String?
  let stream: Bool?
  let stream_options: ChatCompletionRequest.StreamOptions?
  let temperature: Double?
  let top_p: Double?
  let n: WholeNumber?
  let best_of: WholeNumber?
  let echo: Bool?
  let logprobs: WholeNumber?
  let logit_bias: [String: Double]?
  let stop: OneOrMany<String>?
  let max_tokens: WholeNumber?
  let presence_penalty: Double?
  let frequency_penalty: Double?
  let seed: WholeNumber?

  /// What is asked of the model.
  ///
  /// - Throws: an ``OpenAIError`` for what breaks a rule, or is not served.
  func command() throws(OpenAIError) -> CompleteDialogue.Command {
    try Sampling.refuse(n.map { $0.value != 1 } ?? false, "n", "must be 1: one text is given for a request")
    try Sampling.refuse(best_of.map { $0.value != 1 } ?? false, "best_of", "must be 1")
    try Sampling.refuse(echo == true, "echo", "is not served")
    try Sampling.refuse(logprobs != nil, "logprobs", "are not served")
    try Sampling.refuse(!(logit_bias ?? [:]).isEmpty, "logit_bias", "is not served")
    let options = try Sampling.options(
      temperature: temperature, topP: top_p, frequencyPenalty: frequency_penalty, presencePenalty: presence_penalty,
      seed: seed?.value, stop: stop)
    return CompleteDialogue.Command(
      model: model, messages: [], prompt: ModelPrompt(text: try text(), suffix: suffix), options: options,
      maximumTokens: try Sampling.limit(max_tokens, "max_tokens"), isWhole: stream != true)
  }

  private func text() throws(OpenAIError) -> String {
    switch prompt {
    case .string(let text): return text
    case .array(let items) where items.count == 1:
      if case .string(let text) = items[0] { return text }
    default: break
    }
    throw .invalid("prompt", "prompt must be one text, and neither several nor tokens")
  }
}
