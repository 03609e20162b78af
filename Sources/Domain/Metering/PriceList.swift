/// What the models' tokens cost, by the name of the model that answers.
package struct PriceList: Hashable, Sendable {
  private let prices: [String: TokenPrice]
  private let routes: [String: [String]]

  /// Makes a list.
  ///
  /// - Parameters:
  ///   - prices: of models; what is not named costs nothing.
  ///   - routes: the names that lead to models, with those.
  package init(_ prices: [String: TokenPrice] = [:], routes: [String: [String]] = [:]) {
    self.prices = prices
    self.routes = routes
  }

  /// The price of the model that answered; `nil` where it costs nothing.
  package func price(of target: String) -> TokenPrice? { prices[target] }

  /// The most that a name can cost: of a route, the dearest of each kind of token.
  package func highest(of name: String) -> TokenPrice? {
    let found = (routes[name] ?? [name]).compactMap { prices[$0] }
    return found.isEmpty
      ? nil : TokenPrice(prompt: found.map(\.prompt).max() ?? 0, completion: found.map(\.completion).max() ?? 0)
  }

  /// What a call of a model cost, in millionths of the currency.
  package func cost(of usage: TokenUsage, by target: String?) -> Int {
    target.flatMap { prices[$0] }.map { $0.cost(of: usage) ?? Budget.maximumAmount } ?? 0
  }
}
