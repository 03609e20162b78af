import Application
import Domain
import Foundation

/// What an evaluation measured, as it is kept in a report: enough to compare it with another topic by topic.
struct EvaluationReport: Codable, Sendable {
  /// One way to search, measured.
  struct Run: Codable, Sendable {
    /// Its name: the mode, and the steps where they are not the configured ones.
    let name: String
    /// How it did, topic by topic.
    let topics: [Topic]
  }

  /// How one run did for one topic.
  struct Topic: Codable, Sendable {
    let id: String
    let ndcg10: Double
    let recall10: Double
    let recall100: Double
    let reciprocalRank: Double
    let milliseconds: Double
  }

  /// The layout; readers refuse others.
  static let currentFormat = 1

  let format: Int
  /// The folder's name.
  let collection: String
  let documents: Int
  /// The profile that it ran in.
  let profile: String
  /// The version of the binary.
  let version: String
  let createdAt: Date
  let runs: [Run]
}

extension EvaluationReport.Run {
  /// Takes over what the use case measured.
  init(name: String, _ outcomes: [EvaluateRetrieval.Outcome]) {
    self.init(
      name: name,
      topics: outcomes.map {
        EvaluationReport.Topic(
          id: $0.topic, ndcg10: $0.ndcg10, recall10: $0.recall10, recall100: $0.recall100,
          reciprocalRank: $0.reciprocalRank, milliseconds: $0.seconds * 1000)
      })
  }

  /// The value that 95 % of the searches stay within, and the median, in milliseconds.
  var latency: (median: Double, p95: Double) {
    let times = topics.map(\.milliseconds)
    return (RankingMetrics.percentile(times, 0.5) ?? 0, RankingMetrics.percentile(times, 0.95) ?? 0)
  }
}

/// A measure of a ranking that reports show.
struct EvaluationMeasure: Sendable {
  /// What people read.
  let name: String
  /// What scripts read.
  let key: String
  let value: @Sendable (EvaluationReport.Topic) -> Double

  /// All of them, the most telling first.
  static let all: [EvaluationMeasure] = [
    EvaluationMeasure(name: "nDCG@10", key: "ndcg10") { $0.ndcg10 },
    EvaluationMeasure(name: "recall@10", key: "recall10") { $0.recall10 },
    EvaluationMeasure(name: "recall@100", key: "recall100") { $0.recall100 },
    EvaluationMeasure(name: "MRR", key: "mrr") { $0.reciprocalRank },
  ]

  /// The mean over all topics, with its interval.
  func interval(of run: EvaluationReport.Run) -> BootstrapInterval { BootstrapInterval(of: run.topics.map(value)) }
}

extension EvaluationReport {
  private static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    encoder.outputFormatting = [.sortedKeys]
    return encoder
  }

  /// Reads a report, or with `#NAME` behind its path that run of it alone.
  static func read(_ path: String) throws(CommandFailure) -> EvaluationReport {
    guard let mark = path.lastIndex(of: "#"), !FileManager.default.fileExists(atPath: path) else {
      return try read(URL(filePath: path))
    }
    let report = try read(URL(filePath: String(path[..<mark])))
    let name = path[path.index(after: mark)...]
    let runs = report.runs.filter { $0.name == name }
    guard !runs.isEmpty else {
      let names = report.runs.map(\.name).joined(separator: ", ")
      throw CommandFailure(.notFound, "\(path[..<mark]) has no run \(name); there are: \(names)")
    }
    return EvaluationReport(
      format: report.format, collection: report.collection, documents: report.documents, profile: report.profile,
      version: report.version, createdAt: report.createdAt, runs: runs)
  }

  /// Reads a page, which holds the figures as well, or the figures alone.
  private static func read(_ file: URL) throws(CommandFailure) -> EvaluationReport {
    let path = file.path(percentEncoded: false)
    guard let data = try? Data(contentsOf: file) else { throw CommandFailure(.notFound, "\(path) cannot be read") }
    var json = data
    if let start = data.range(of: Data(EvaluationPage.dataStart.utf8)),
      let end = data.range(of: Data(EvaluationPage.dataEnd.utf8), in: start.upperBound..<data.endIndex)
    {
      json = data[start.upperBound..<end.lowerBound]
    }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    let report: EvaluationReport
    do { report = try decoder.decode(EvaluationReport.self, from: json) } catch {
      throw CommandFailure(.usage, "\(path) is no report of opentier eval")
    }
    guard report.format == currentFormat else {
      throw CommandFailure(.usage, "\(path) is a report of format \(report.format); this binary reads \(currentFormat)")
    }
    return report
  }

  /// Writes a page where the file's name ends in `.html`, else the figures as JSON.
  func write(_ file: URL) throws(CommandFailure) {
    let path = file.path(percentEncoded: false)
    do {
      let json = try Self.encoder.encode(self)
      let isPage = ["html", "htm"].contains(file.pathExtension.lowercased())
      try (isPage ? Data(EvaluationPage(self, json: String(decoding: json, as: UTF8.self)).html.utf8) : json)
        .write(to: file, options: .atomic)
    } catch {
      throw CommandFailure(.failure, "\(path) cannot be written: \(error.localizedDescription)")
    }
  }
}
