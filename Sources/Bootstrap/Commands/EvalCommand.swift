import Application
import ArgumentParser
import Domain
import Foundation
import Settings
import Synchronization

/// `opentier eval`.
struct EvalCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval", abstract: "Measure search on a collection with relevance judgements.",
    discussion: """
      The folder holds docs.jsonl (_id, title, text), queries.jsonl (_id, text, and where it goes on a conversation \
      history, the questions before it) and qrels.tsv (query, document, gain). The documents go through the same \
      ingestion as everything else, into a store of their own that is deleted again. A document ranks by its best passage.

      opentier eval FOLDER --report before.html
      opentier eval FOLDER --set retrieval.feedbackPassages=0 --report after.html
      opentier eval --compare before.html after.html
      opentier eval --compare before.html#ranks before.html#scores
      """)

  @OptionGroup var common: CommonOptions
  @Option(help: "The modes to measure, parted by commas.") var modes = "lexical,semantic,hybrid"
  @Flag(help: "Measure hybrid search step by step as well: what each adds to the ones before.") var steps = false
  @Option(help: "Write a report: a page for a name in .html, else JSON.") var report: String?
  @Option(help: "A setting for this run, such as retrieval.feedbackPassages=0. May be repeated.") var set: [String] = []
  @Option(
    parsing: .upToNextOption, help: "Compare two reports, question by question, instead of measuring.")
  var compare: [String] = []
  @Argument(help: "The folder of the collection.") var folder: String?

  func validate() throws {
    if compare.isEmpty {
      guard folder != nil else { throw ValidationError("Missing expected argument '<folder>'") }
    } else {
      guard compare.count == 2, folder == nil else {
        throw ValidationError("--compare takes two reports and no folder")
      }
    }
    _ = try measuredModes()
    _ = try settings()
  }

  func run() async throws {
    if compare.count == 2 {
      let reports = try compare.map { path throws(CommandFailure) in try EvaluationReport.read(path) }
      return show(try EvaluationComparison.of(reports[0], reports[1]))
    }
    guard let folder else { return }
    let url = URL(filePath: folder, directoryHint: .isDirectory)
    let topics = try CollectionFiles.topics(url)
    let documents = try ImportSource([url.appending(path: "docs.jsonl")], maximumBytes: 0)
    guard topics.contains(where: { !$0.judgements.isEmpty }) else {
      throw CommandFailure(.usage, "no question of \(folder) has a judgement: qrels.tsv names none of queries.jsonl")
    }
    if let report {
      // Better now than when all is measured.
      let parent = URL(filePath: report).deletingLastPathComponent().path(percentEncoded: false)
      guard FileManager.default.isWritableFile(atPath: parent) else {
        throw CommandFailure(.notFound, "\(parent) is no folder that can be written to")
      }
    }
    let own = try settings()
    let configuration = try common.configuration(own)
    let evaluation = Evaluation(
      collection: url.lastPathComponent, topics: topics, documents: documents, modes: try measuredModes(), steps: steps,
      terminal: terminal, isQuiet: common.json)
    if configuration.profile == .production {
      try await ScratchDatabase.with(configuration) { url in
        let scratch = try common.configuration(
          own.merging(["databaseURL": url, "database.migrationURL": url]) { _, scratch in scratch })
        try finish(try await evaluation(scratch))
      }
      return
    }
    let store = FileManager.default.temporaryDirectory.appending(path: "opentier-eval-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: store) }  // A folder left in /tmp does no harm.
    let scratch = try common.configuration(
      own.merging(["data": store.path(percentEncoded: false)]) { _, scratch in scratch })
    try finish(try await evaluation(scratch))
  }

  private func measuredModes() throws -> [SearchMode] {
    try modes.split(separator: ",").map { name in
      guard let mode = SearchMode(rawValue: name.trimmingCharacters(in: .whitespaces)) else {
        throw ValidationError("\(name) is no mode: lexical, semantic or hybrid")
      }
      return mode
    }
  }

  private func settings() throws -> [String: String] {
    try set.reduce(into: [:]) { settings, entry in
      let parts = entry.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { throw ValidationError("\(entry) is no setting: write KEY=VALUE") }
      settings[String(parts[0])] = String(parts[1])
    }
  }

  private func finish(_ measured: EvaluationReport) throws {
    if !common.json {
      terminal.line(EvaluationTable.head)
      for run in measured.runs { terminal.line(EvaluationTable.row(run)) }
    } else {
      for run in measured.runs { terminal.line(EvaluationTable.json(run)) }
    }
    guard let report else { return }
    try measured.write(URL(filePath: report))
    terminal.message("report: \(report)")
  }

  private func show(_ comparisons: [EvaluationComparison]) {
    if common.json {
      for comparison in comparisons {
        for row in comparison.rows { terminal.line(EvaluationTable.json(row, of: comparison)) }
      }
      return
    }
    for comparison in comparisons {
      terminal.line("\(comparison.name), \(comparison.topics) questions")
      for row in comparison.rows { terminal.line(EvaluationTable.row(row)) }
    }
  }
}
