import Application
import Domain
import Foundation

extension DocumentLine {
  /// The title, cut to what a submission takes, or `fallback` where there is none.
  func title(or fallback: String) -> String {
    let title = (title ?? "").trimmingWhitespace()
    return title.isEmpty ? fallback : String(title.prefix(KnowledgeSubmission.maximumTitleLength))
  }
}

/// Reads JSON Lines and TREC judgements.
enum CollectionFiles {
  /// The topics of a collection: `queries.jsonl` with `_id`, `text` and, where there are any, `history` and
  /// `memories`, `qrels.tsv` with query, document and gain.
  static func topics(_ folder: URL) throws(CommandFailure) -> [EvaluateRetrieval.Topic] {
    struct Query: Decodable {
      let _id: String
      let text: String
      let history: [String]?
      let memories: [String]?
    }
    let queries = try lines(folder.appending(path: "queries.jsonl"), as: Query.self)
    let judgements = try judgements(folder.appending(path: "qrels.tsv"))
    return queries.map {
      EvaluateRetrieval.Topic(
        id: $0._id, text: $0.text, history: $0.history ?? [], memories: $0.memories ?? [],
        judgements: judgements[$0._id] ?? [:])
    }
  }

  private static func judgements(_ file: URL) throws(CommandFailure) -> [String: [String: Double]] {
    var judgements: [String: [String: Double]] = [:]
    for (index, line) in try text(file).split(whereSeparator: \.isNewline).enumerated() {
      let fields = line.split(separator: "\t")
      guard fields.count == 3, let gain = Double(fields[2]) else {
        if index == 0 { continue }  // The header.
        throw CommandFailure(
          .usage, "\(file.lastPathComponent), line \(index + 1): not query, document and gain parted by tabs")
      }
      if gain > 0 { judgements[String(fields[0]), default: [:]][String(fields[1])] = gain }
    }
    return judgements
  }

  private static func lines<Value: Decodable>(_ file: URL, as type: Value.Type) throws(CommandFailure) -> [Value] {
    var reader = try JSONLinesReader<Value>(file)
    var values: [Value] = []
    while let value = try reader.next() { values.append(value) }
    return values
  }

  private static func text(_ file: URL) throws(CommandFailure) -> String {
    let data: Data
    do { data = try Data(contentsOf: file) } catch {
      throw CommandFailure(.notFound, "\(file.path(percentEncoded: false)) cannot be read")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw CommandFailure(.usage, "\(file.lastPathComponent) is not UTF-8")
    }
    return text
  }
}
