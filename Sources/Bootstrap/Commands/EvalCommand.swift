import Application
import ArgumentParser
import Domain
import Foundation
import Settings

/// `opentier eval`.
struct EvalCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval", abstract: "Measure search on a collection with relevance judgements.",
    discussion: """
      The folder holds docs.jsonl (_id, title, text), queries.jsonl (_id, text) and qrels.tsv (query, document, gain).
      The documents go through the same ingestion as everything else, into a store of their own that is deleted again.
      A document ranks by its best passage.
      """)

  @OptionGroup var common: CommonOptions
  @Option(help: "The modes to measure, parted by commas.") var modes = "lexical,semantic,hybrid"
  @Argument(help: "The folder of the collection.") var folder: String

  func run() async throws {
    let modes = try modes.split(separator: ",").map { name in
      guard let mode = SearchMode(rawValue: name.trimmingCharacters(in: .whitespaces)) else {
        throw ValidationError("\(name) is no mode: lexical, semantic or hybrid")
      }
      return mode
    }
    let folder = URL(filePath: folder, directoryHint: .isDirectory)
    let topics = try CollectionFiles.topics(folder)
    let documents = try CollectionFiles.documents(folder.appending(path: "docs.jsonl"))
    let configuration = try common.configuration()
    if configuration.profile == .production {
      try await ScratchDatabase.with(configuration) { url in
        let scratch = try common.configuration(["databaseURL": url, "database.migrationURL": url])
        try await evaluate(scratch, topics, documents, modes)
      }
      return
    }
    let store = FileManager.default.temporaryDirectory.appending(path: "opentier-eval-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: store) }  // A folder left in /tmp does no harm.
    try await evaluate(
      try common.configuration(["data": store.path(percentEncoded: false)]), topics, documents, modes)
  }

  private func evaluate(
    _ configuration: ServerConfiguration, _ topics: [EvaluateRetrieval.Topic], _ documents: [CollectionDocument],
    _ modes: [SearchMode]
  ) async throws {
    try await Assembly.run(configuration, loadingEmbedder: modes != [.lexical]) { assembly in
      let caller = try await assembly.operatorPrincipal()
      let items = documents.enumerated().map { index, document in
        let id = document.id ?? "\(index + 1)"
        return Importer.Item(
          title: document.title(or: id), content: .text(document.text), source: id, metadata: [:])
      }
      let bar = ProgressBar("Ingesting", total: items.count)
      let importer = Importer(
        useCases: assembly.useCases, caller: caller, workers: ProcessInfo.processInfo.activeProcessorCount)
      let start = ContinuousClock.now
      let report = try await importer(items) { bar.show($0) }
      bar.end()
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      terminal.message(
        "\(report.indexed) of \(items.count) documents ingested in \(fixed(seconds, 1)) s, \(report.failed.count) without text"
      )
      let sources = Dictionary(report.documents.map { ($0.value, $0.key) }, uniquingKeysWith: { first, _ in first })
      if !common.json { terminal.line("mode      nDCG@10  recall@10  recall@100  median ms  p95 ms") }
      for mode in modes {
        let score: EvaluateRetrieval.Score
        do { score = try await assembly.useCases.evaluate(topics, mode: mode, sources: sources, caller) } catch let
          failure as UseCaseFailure
        {
          throw CommandFailure(failure)
        }
        show(score)
      }
    }
  }

  private func show(_ score: EvaluateRetrieval.Score) {
    let values = [
      ("ndcg10", fixed(score.ndcg10, 4)), ("recall10", fixed(score.recall10, 4)),
      ("recall100", fixed(score.recall100, 4)), ("medianMilliseconds", fixed(score.medianSeconds * 1000, 2)),
      ("p95Milliseconds", fixed(score.p95Seconds * 1000, 2)),
    ]
    if common.json {
      terminal.line(
        JSONText.object(
          raw: [("mode", JSONText.quoted(score.mode.rawValue)), ("topics", "\(score.topics)")]
            + values.map { (name: $0.0, json: $0.1) }))
      return
    }
    let widths = [9, 10, 11, 10, 7]
    let columns = zip(values, widths).map { value, width in
      String(repeating: " ", count: max(width - value.1.count, 1)) + value.1
    }
    terminal.line(score.mode.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0) + columns.joined())
  }

  private func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
