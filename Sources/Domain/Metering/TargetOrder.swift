/// In which order the targets of one name are tried.
package enum TargetOrder: Hashable, Sendable {
  /// As they are listed.
  case listed
  /// By lot: each comes next with the likelihood of its share of the weights that are left. A target of weight 0 comes
  /// last, where all others have failed. As many weights as targets, none below 0.
  case weighted([Int])

  /// The places of `count` targets in the order to try them.
  ///
  /// - Parameter random: numbers from 0 up to 1, one for each draw.
  package func places(of count: Int, random: () -> Double) -> [Int] {
    guard case .weighted(let weights) = self, weights.count == count else { return Array(0..<count) }
    var left = Array(0..<count)
    var order: [Int] = []
    while !left.isEmpty {
      let total = left.reduce(0) { $0 + weights[$1] }
      guard total > 0 else { return order + left }
      var lot = random() * Double(total)
      let drawn = left.firstIndex { place in
        lot -= Double(weights[place])
        return lot < 0
      }
      order.append(left.remove(at: drawn ?? left.count - 1))
    }
    return order
  }
}
