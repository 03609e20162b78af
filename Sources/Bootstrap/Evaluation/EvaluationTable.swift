import Domain
import Foundation

/// An evaluation at the terminal, for people and for scripts.
enum EvaluationTable {
  /// The names of the columns.
  static let head =
    "search       nDCG@10 [95 %]          recall@10  recall@100  MRR     median ms  p95 ms"

  /// A run in those columns.
  static func row(_ run: EvaluationReport.Run) -> String {
    let intervals = EvaluationMeasure.all.map { $0.interval(of: run) }
    let first = intervals[0]
    let (median, p95) = run.latency
    let ends = "[\(EvaluationPage.fixed(first.low, 3)), \(EvaluationPage.fixed(first.high, 3))]"
    let columns = [
      (run.name, 12), (EvaluationPage.fixed(first.mean, 4), 7), (ends, 15),
      (EvaluationPage.fixed(intervals[1].mean, 4), 10), (EvaluationPage.fixed(intervals[2].mean, 4), 11),
      (EvaluationPage.fixed(intervals[3].mean, 4), 7), (EvaluationPage.fixed(median, 2), 10),
      (EvaluationPage.fixed(p95, 2), 6),
    ]
    return columns.enumerated().map { index, column in
      let fill = String(repeating: " ", count: max(column.1 - column.0.count, 0))
      return index == 0 ? column.0 + fill : fill + column.0
    }.joined(separator: " ")
  }

  /// A run as an object on one line.
  static func json(_ run: EvaluationReport.Run) -> String {
    let (median, p95) = run.latency
    var members: [(name: String, json: String)] = [
      ("mode", JSONText.quoted(run.name)), ("topics", "\(run.topics.count)"),
    ]
    for measure in EvaluationMeasure.all {
      let interval = measure.interval(of: run)
      members.append((measure.key, EvaluationPage.fixed(interval.mean, 4)))
      members.append((measure.key + "Low", EvaluationPage.fixed(interval.low, 4)))
      members.append((measure.key + "High", EvaluationPage.fixed(interval.high, 4)))
    }
    members.append(("medianMilliseconds", EvaluationPage.fixed(median, 2)))
    members.append(("p95Milliseconds", EvaluationPage.fixed(p95, 2)))
    return JSONText.object(raw: members)
  }

  /// What a comparison says of one measure.
  static func row(_ row: EvaluationComparison.Row) -> String {
    let name = row.measure.name.padding(toLength: 11, withPad: " ", startingAt: 0)
    let sign = row.difference.mean < 0 ? "" : "+"
    let ends = "[\(EvaluationPage.fixed(row.difference.low, 4)), \(EvaluationPage.fixed(row.difference.high, 4))]"
    return "  \(name) \(EvaluationPage.fixed(row.first, 4)) → \(EvaluationPage.fixed(row.second, 4))  "
      + "\(sign)\(EvaluationPage.fixed(row.difference.mean, 4)) \(ends)  "
      + "\(row.better) better, \(row.worse) worse: \(row.verdict)"
  }

  /// The same as an object on one line.
  static func json(_ row: EvaluationComparison.Row, of comparison: EvaluationComparison) -> String {
    JSONText.object(raw: [
      ("search", JSONText.quoted(comparison.name)), ("topics", "\(comparison.topics)"),
      ("measure", JSONText.quoted(row.measure.key)), ("first", EvaluationPage.fixed(row.first, 4)),
      ("second", EvaluationPage.fixed(row.second, 4)), ("difference", EvaluationPage.fixed(row.difference.mean, 4)),
      ("differenceLow", EvaluationPage.fixed(row.difference.low, 4)),
      ("differenceHigh", EvaluationPage.fixed(row.difference.high, 4)), ("better", "\(row.better)"),
      ("worse", "\(row.worse)"), ("verdict", JSONText.quoted(row.verdict)),
    ])
  }
}
