/// What a model's tokens cost, in millionths of the operator's currency for a million tokens: so that a price of
/// "2.50 for a million" is 2,500,000, and no sum is rounded before its end.
package struct TokenPrice: Hashable, Sendable {
  /// For a million tokens that go in.
  package let prompt: Int
  /// For a million tokens that come out.
  package let completion: Int

  /// Makes a price; `nil` when one is below 0.
  package init?(prompt: Int, completion: Int) {
    guard prompt >= 0, completion >= 0 else { return nil }
    self.prompt = prompt
    self.completion = completion
  }

  /// What a call costs, in millionths of the currency, rounded up; `nil` when it is too large for a number.
  package func cost(of usage: TokenUsage) -> Int? {
    let (input, overflowsInput) = usage.promptTokens.multipliedReportingOverflow(by: prompt)
    let (output, overflowsOutput) = usage.completionTokens.multipliedReportingOverflow(by: completion)
    let (sum, overflowsSum) = input.addingReportingOverflow(output)
    guard !overflowsInput, !overflowsOutput, !overflowsSum else { return nil }
    return sum / 1_000_000 + (sum % 1_000_000 > 0 ? 1 : 0)
  }

  /// Reads an amount such as `2.5` or `0.075`, at most six places behind the point, as millionths; `nil` when it is none.
  package static func millionths(_ text: String) -> Int? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let digits = parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    guard digits, let whole = parts.first.flatMap({ Int($0) }), whole <= 1_000_000 else { return nil }
    guard parts.count == 2 else { return whole * 1_000_000 }
    guard parts[1].count <= 6, let fraction = Int(parts[1] + String(repeating: "0", count: 6 - parts[1].count)) else {
      return nil
    }
    return whole * 1_000_000 + fraction
  }
}
