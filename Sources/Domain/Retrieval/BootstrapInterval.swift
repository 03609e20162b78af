/// A mean with the interval that it lies in with 95 % confidence.
///
/// Source: the percentile bootstrap; Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13.
package struct BootstrapInterval: Hashable, Sendable {
  /// The mean of the values.
  package let mean: Double
  /// The lower end.
  package let low: Double
  /// The upper end.
  package let high: Double

  /// How often the values are drawn anew.
  package static let resamples = 2_000

  /// Draws the values anew with replacement, always in the same way, so that a report can be made again; all 0 without
  /// a value.
  package init(of values: [Double]) {
    guard !values.isEmpty else {
      (mean, low, high) = (0, 0, 0)
      return
    }
    var generator = SplitMix64(seed: 0x9E37_79B9_7F4A_7C15)
    let means = (0..<Self.resamples).map { _ in
      var sum = 0.0
      for _ in values.indices { sum += values[Int.random(in: values.indices, using: &generator)] }
      return sum / Double(values.count)
    }
    mean = values.reduce(0, +) / Double(values.count)
    low = RankingMetrics.percentile(means, 0.025) ?? mean
    high = RankingMetrics.percentile(means, 0.975) ?? mean
  }
}
