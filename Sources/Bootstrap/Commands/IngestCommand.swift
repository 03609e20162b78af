import Application
import ArgumentParser
import Domain
import Foundation

/// `opentier ingest`.
struct IngestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest", abstract: "Take files and folders into the knowledge base.",
    discussion: """
      Each file is submitted, approved and ingested as the operator. A file that is there already changes nothing; one
      that changed becomes a new revision. Folders are walked for \(SourceFiles.endings.sorted().joined(separator: ", "));
      a line of a .jsonl file is a document with "text" and, where known, "_id", "title" and "url".
      """)

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: "The e-mail address of the account to ingest as. Default: the operator.")
  var email: String?
  @Argument(help: "Files and folders.") var paths: [String]

  func run() async throws {
    let configuration = try common.configuration()
    let files = try SourceFiles.find(paths)
    guard !files.isEmpty else {
      throw CommandFailure(.notFound, "there is no file to ingest in \(paths.joined(separator: ", "))")
    }
    try await Assembly.run(configuration, loadingEmbedder: true) { assembly in
      assembly.warnIfNoEmbedder(terminal)
      let caller = try await assembly.operatorPrincipal(as: email)
      guard caller.role == .admin else {
        throw CommandFailure(
          .notAuthorised, "to ingest takes the role admin; what a contributor submits waits for a review")
      }
      var items: [Importer.Item] = []
      for file in files {
        items += try await Importer.items(
          of: file, maximumBytes: SubmitKnowledge.defaultMaximumBytes, extractor: assembly.world.extractor)
      }
      let importer = Importer(
        useCases: assembly.useCases, caller: caller, workers: ProcessInfo.processInfo.activeProcessorCount)
      let bar = ProgressBar("Ingesting", total: items.count)
      let report = try await importer(items) { bar.show($0) }
      bar.end()
      if common.json {
        for (source, document) in report.documents.sorted(by: { $0.key < $1.key }) {
          terminal.line(JSONText.object([("source", source), ("documentId", document.description)]))
        }
        for failure in report.failed {
          terminal.line(JSONText.object([("source", failure.source), ("error", failure.reason)]))
        }
      } else {
        for failure in report.failed { terminal.message("\(failure.source): \(failure.reason)") }
        terminal.line("\(report.indexed) of \(items.count) ingested, \(report.failed.count) failed")
      }
      if !report.failed.isEmpty { throw CommandFailure(.failure, "\(report.failed.count) failed") }
    }
  }
}
