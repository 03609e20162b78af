/// What a model call used, in the model's own tokens.
package struct TokenUsage: Hashable, Sendable {
  /// Tokens that went in.
  package let promptTokens: Int
  /// Tokens that came out.
  package let completionTokens: Int

  /// That of a call for which no model was asked.
  package static let none = TokenUsage(promptTokens: 0, completionTokens: 0)

  /// Makes a usage record.
  package init(promptTokens: Int, completionTokens: Int) {
    self.promptTokens = promptTokens
    self.completionTokens = completionTokens
  }

  /// Both together.
  package static func + (left: Self, right: Self) -> Self {
    TokenUsage(
      promptTokens: left.promptTokens + right.promptTokens,
      completionTokens: left.completionTokens + right.completionTokens)
  }
}
