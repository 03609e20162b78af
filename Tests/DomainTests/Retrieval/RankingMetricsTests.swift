import Foundation
import Testing

@testable import Domain

@Suite("Ranking metrics")
struct RankingMetricsTests {
  @Test("nDCG of a hand-computed ranking, with linear gains")
  func ndcg() {
    let judgements = ["a": 3.0, "b": 2.0, "c": 1.0]
    let gained = 2 / log2(2.0) + 3 / log2(4.0)
    let ideal = 3 / log2(2.0) + 2 / log2(3.0) + 1 / log2(4.0)
    let value = RankingMetrics.ndcg(["b", "x", "a"], judgements: judgements, depth: 10)
    #expect(abs(value - gained / ideal) < 1e-12)
    #expect(RankingMetrics.ndcg(["a", "b", "c"], judgements: judgements, depth: 10) == 1)
    #expect(RankingMetrics.ndcg(["x", "a"], judgements: judgements, depth: 1) == 0)
    #expect(RankingMetrics.ndcg(["a"], judgements: [:], depth: 10) == 0)
  }

  @Test("the logarithm agrees with the C library's", arguments: [1, 2, 3, 4, 5, 7, 10, 11, 100, 1_000, 65_537])
  func logarithm(value: Double) {
    #expect(abs(RankingMetrics.binaryLogarithm(value) - log2(value)) < 1e-13)
  }

  @Test("recall counts what is within the depth")
  func recall() {
    let judgements = ["a": 1.0, "b": 1.0]
    #expect(RankingMetrics.recall(["a", "x", "b"], judgements: judgements, depth: 2) == 0.5)
    #expect(RankingMetrics.recall(["a", "x", "b"], judgements: judgements, depth: 3) == 1)
    #expect(RankingMetrics.recall(["a"], judgements: [:], depth: 3) == 0)
  }

  @Test("percentiles are values of the list, by nearest rank")
  func percentile() {
    #expect(RankingMetrics.percentile([], 0.5) == nil)
    #expect(RankingMetrics.percentile([3], 0.95) == 3)
    let values = (1...100).map(Double.init).shuffled()
    #expect(RankingMetrics.percentile(values, 0.5) == 50)
    #expect(RankingMetrics.percentile(values, 0.95) == 95)
    #expect(RankingMetrics.percentile(values, 1) == 100)
  }
}

@Suite("Bootstrap intervals")
struct BootstrapIntervalTests {
  @Test("the interval holds the mean, and is the same each time")
  func interval() {
    let values = (0..<200).map { Double($0 % 10) / 10 }
    let interval = BootstrapInterval(of: values)
    #expect(abs(interval.mean - 0.45) < 1e-12)
    #expect(interval.low < interval.mean && interval.mean < interval.high)
    // The standard error is 0.287 / √200 = 0.0203; the interval reaches 1.96 of them to each side, about.
    #expect(abs(interval.high - interval.low - 2 * 1.96 * 0.0203) < 0.008)
    #expect(BootstrapInterval(of: values) == interval)
  }

  @Test("equal values leave no doubt, and no value gives nothing")
  func degenerate() {
    let sure = BootstrapInterval(of: [0.5, 0.5, 0.5])
    #expect((sure.low, sure.mean, sure.high) == (0.5, 0.5, 0.5))
    let none = BootstrapInterval(of: [])
    #expect((none.low, none.mean, none.high) == (0, 0, 0))
  }

  @Test("the reciprocal rank is that of the first relevant item")
  func reciprocalRank() {
    #expect(RankingMetrics.reciprocalRank(["x", "a", "b"], judgements: ["a": 1, "b": 2]) == 0.5)
    #expect(RankingMetrics.reciprocalRank(["x"], judgements: ["a": 1]) == 0)
  }
}
