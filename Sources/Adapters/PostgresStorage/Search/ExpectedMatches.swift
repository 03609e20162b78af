/// How many chunks would have words of some weight together if words occurred independently of one another.
///
/// They do not: those of a query tend to occur together, so there are more such chunks than expected, seldom fewer.
struct ExpectedMatches {
  private static let steps = 256
  /// The step of weight, and how many chunks are expected to have at least so many steps.
  private let step: Double
  private let counts: [Double]

  /// Takes words with what they weigh, of so many chunks.
  init(_ words: [(weight: Double, holders: Int)], of chunks: Int) {
    let sum = words.reduce(0) { $0 + $1.weight }
    step = sum / Double(Self.steps)
    var distribution = [Double](repeating: 0, count: Self.steps + 1)
    distribution[0] = 1
    for word in words {
      let share = min(Double(word.holders) / Double(max(chunks, 1)), 1)
      let steps = min(Int(word.weight / step), Self.steps)
      for index in distribution.indices.reversed() {
        let without = distribution[index] * (1 - share)
        distribution[index] = without + (index >= steps ? distribution[index - steps] * share : 0)
      }
    }
    for index in distribution.indices.dropLast().reversed() { distribution[index] += distribution[index + 1] }
    counts = distribution.map { $0 * Double(chunks) }
  }

  /// The lowest weight that no more than so many chunks are expected to have.
  func weight(ofBest count: Double) -> Double {
    Double(counts.firstIndex { $0 <= count } ?? Self.steps) * step
  }
}
