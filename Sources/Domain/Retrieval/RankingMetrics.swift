/// Judges a ranking against relevance judgements, as TREC evaluations do.
package enum RankingMetrics {
  /// Normalised discounted cumulative gain at a depth, with linear gain and the discount 1 / log2(rank + 1).
  ///
  /// Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002.
  ///
  /// - Parameters:
  ///   - ranking: the items found, best first, each once.
  ///   - judgements: the gain of each relevant item, above 0.
  ///   - depth: how many ranks count.
  /// - Returns: 0 to 1; 0 when nothing is relevant.
  package static func ndcg<Item: Hashable>(_ ranking: [Item], judgements: [Item: Double], depth: Int) -> Double {
    let ideal = judgements.values.sorted(by: >).prefix(depth)
    let best = cumulated(ideal)
    guard best > 0 else { return 0 }
    return cumulated(ranking.prefix(depth).map { judgements[$0] ?? 0 }) / best
  }

  /// The part of the relevant items that is among the first `depth`; 0 when nothing is relevant.
  package static func recall<Item: Hashable>(_ ranking: [Item], judgements: [Item: Double], depth: Int) -> Double {
    guard !judgements.isEmpty else { return 0 }
    return Double(ranking.prefix(depth).count { judgements[$0] != nil }) / Double(judgements.count)
  }

  /// One over the rank of the first relevant item; 0 when none is found.
  ///
  /// Source: Voorhees, "The TREC-8 Question Answering Track Report", 1999.
  package static func reciprocalRank<Item: Hashable>(_ ranking: [Item], judgements: [Item: Double]) -> Double {
    ranking.firstIndex { judgements[$0] != nil }.map { 1 / Double($0 + 1) } ?? 0
  }

  private static func cumulated(_ gains: some Sequence<Double>) -> Double {
    var sum = 0.0
    for (index, gain) in gains.enumerated() { sum += gain / binaryLogarithm(Double(index + 2)) }
    return sum
  }

  /// log2 of a number from 1 on, to the last bits of a `Double`: the exponent, then one bit of the fraction per squaring.
  /// The standard library has no logarithm, and the domain imports no C library.
  static func binaryLogarithm(_ value: Double) -> Double {
    var result = Double(value.exponent)
    var rest = value.significand
    var bit = 0.5
    while bit > 0x1p-54 {
      rest *= rest
      if rest >= 2 {
        result += bit
        rest /= 2
      }
      bit /= 2
    }
    return result
  }

  /// The value below which `fraction` of the values lie (nearest rank); `nil` for none.
  package static func percentile(_ values: [Double], _ fraction: Double) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let rank = Int((fraction * Double(sorted.count)).rounded(.up))
    return sorted[min(max(rank - 1, 0), sorted.count - 1)]
  }
}
