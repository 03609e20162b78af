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
