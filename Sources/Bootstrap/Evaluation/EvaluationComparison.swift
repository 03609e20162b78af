import Domain
import Foundation

/// Two runs over the same questions, compared question by question: the difference of two means says less.
struct EvaluationComparison: Sendable {
  /// What one measure says.
  struct Row: Sendable {
    let measure: EvaluationMeasure
    /// The means over the questions that both have.
    let first: Double
    let second: Double
    /// The mean difference, second less first.
    let difference: BootstrapInterval
    /// The questions that the second does better and worse on.
    let better: Int
    let worse: Int

    /// Whether the interval of the difference leaves out zero, and on which side it lies.
    var verdict: String {
      if difference.low > 0 { return "better" }
      return difference.high < 0 ? "worse" : "no difference shown"
    }
  }

  /// The run's name, in both.
  let name: String
  /// The questions that both have.
  let topics: Int
  let rows: [Row]

  /// Compares what both reports have: runs by name, or each report's last where no name is in both.
  ///
  /// - Throws: when they have no question in common.
  static func of(
    _ first: EvaluationReport, _ second: EvaluationReport
  ) throws(CommandFailure) -> [EvaluationComparison] {
    var pairs = second.runs.compactMap { run in
      first.runs.first { $0.name == run.name }.map { (run.name, $0, run) }
    }
    if pairs.isEmpty, let one = first.runs.last, let other = second.runs.last {
      pairs = [("\(one.name) → \(other.name)", one, other)]
    }
    let comparisons = pairs.compactMap { EvaluationComparison(name: $0.0, $0.1, $0.2) }
    guard !comparisons.isEmpty else {
      throw CommandFailure(.usage, "the reports have no question in common: they are of different collections")
    }
    return comparisons
  }

  private init?(name: String, _ first: EvaluationReport.Run, _ second: EvaluationReport.Run) {
    let known = Dictionary(first.topics.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let pairs = second.topics.compactMap { topic in known[topic.id].map { ($0, topic) } }
    guard !pairs.isEmpty else { return nil }
    self.name = name
    topics = pairs.count
    rows = EvaluationMeasure.all.map { measure in
      let before = pairs.map { measure.value($0.0) }
      let after = pairs.map { measure.value($0.1) }
      let differences = zip(before, after).map { $1 - $0 }
      return Row(
        measure: measure, first: before.reduce(0, +) / Double(before.count),
        second: after.reduce(0, +) / Double(after.count), difference: BootstrapInterval(of: differences),
        better: differences.count { $0 > 1e-12 }, worse: differences.count { $0 < -1e-12 })
    }
  }
}
