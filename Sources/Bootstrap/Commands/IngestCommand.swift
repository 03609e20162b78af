import Application
import ArgumentParser
import Domain
import Foundation
import Settings
import Synchronization

/// `opentier ingest`.
struct IngestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest", abstract: "Take files and folders into the knowledge base.",
    discussion: """
      Each file is submitted, approved and ingested as the operator. A file that is there already changes nothing; one
      that changed becomes a new revision. Folders are walked for \(SourceFiles.endings.sorted().joined(separator: ", "));
      a line of a .jsonl file is a document with "text" and, where known, "_id", "title" and "url".

      A site, a repository or a large .jsonl file is taken by one job that can be watched, cancelled and gone on with:

        opentier ingest --crawl https://docs.example.org/ --depth 2 --limit 200
        opentier ingest --git ../project --reference main
        opentier ingest --records papers.jsonl
      """)

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: "The e-mail address of the account to ingest as. Default: the operator.")
  var email: String?
  @Flag(help: "Crawl the web sites whose addresses are given; egress.allow must list their hosts.") var crawl = false
  @Option(help: "With --crawl: how many links a page may be away from the first.") var depth = 3
  @Option(help: "With --crawl: how many addresses are looked at.") var limit = 500
  @Flag(help: "Take the files of git repositories: a path, or an https address whose host egress.allow lists.")
  var git = false
  @Option(help: "With --git: a branch or a tag.") var reference: String?
  @Flag(help: "Take JSON Lines files each by one job.") var records = false
  @Argument(help: "Files and folders, or the addresses of sites and repositories.") var paths: [String]

  func validate() throws {
    guard [crawl, git, records].count(where: { $0 }) <= 1 else {
      throw ValidationError("give one of --crawl, --git and --records")
    }
    guard git || reference == nil else { throw ValidationError("--reference goes with --git") }
  }

  func run() async throws {
    let configuration = try common.configuration()
    if crawl || git || records {
      try await collect(configuration)
      return
    }
    let files = try SourceFiles.find(paths)
    guard !files.isEmpty else {
      throw CommandFailure(.notFound, "there is no file to ingest in \(paths.joined(separator: ", "))")
    }
    try await Assembly.run(configuration, loadingEmbedder: true) { assembly in
      let caller = try await admin(of: assembly)
      let source = try ImportSource(files, maximumBytes: SubmitKnowledge.defaultMaximumBytes)
      let bar = ProgressBar("Ingesting", total: source.count)
      let tally = Tally()
      let (output, isJSON) = (terminal, common.json)
      try await Importer(assembly, caller: caller)(source) { source, outcome in
        // An outcome is told when it is known, and not kept: there may be millions.
        let (done, _) = tally.count(outcome)
        switch outcome {
        case .success(let document):
          guard isJSON else { break }
          output.line(JSONText.object([("source", source), ("documentId", document.description)]))
        case .failure(let failure):
          bar.end()
          if isJSON {
            output.line(JSONText.object([("source", source), ("error", failure.description)]))
          } else {
            output.message("\(source): \(failure.description)")
          }
        }
        bar.show(done)
      }
      bar.end()
      let (done, failed) = tally.counts
      if !isJSON { output.line("\(done - failed) of \(source.count) ingested, \(failed) failed") }
      if failed > 0 { throw CommandFailure(.failure, "\(failed) failed") }
    }
  }
}

extension IngestCommand {
  /// Whoever ingests, whose submissions wait for nobody's review.
  private func admin(of assembly: Assembly) async throws -> Principal {
    assembly.warnIfNoEmbedder(terminal)
    let caller = try await assembly.operatorPrincipal(as: email)
    guard caller.role == .admin else {
      throw CommandFailure(
        .notAuthorised, "to ingest takes the role admin; what a contributor submits waits for a review")
    }
    return caller
  }
}

/// How many items are done, and how many of them failed.
private final class Tally: Sendable {
  private let state = Mutex((done: 0, failed: 0))

  var counts: (done: Int, failed: Int) { state.withLock { $0 } }

  /// Counts an outcome, and says how many there are.
  func count(_ outcome: Importer.Outcome) -> (done: Int, failed: Int) {
    state.withLock { state in
      state.done += 1
      if case .failure = outcome { state.failed += 1 }
      return state
    }
  }
}

extension IngestCommand {
  /// Takes each source by a job of its own.
  private func collect(_ configuration: ServerConfiguration) async throws {
    let sources = try paths.map { path in try source(path) }
    try await Assembly.run(configuration, loadingEmbedder: true) { assembly in
      let caller = try await admin(of: assembly)
      let take = CollectionImport(
        useCases: assembly.useCases, caller: caller, workers: ProcessInfo.processInfo.activeProcessorCount)
      var failed = 0
      for source in sources {
        let job = try await take(source) { report in
          Terminal.standard.progress(
            "\(source.uri): \(report.found - report.waiting) of \(report.found) looked at, \(report.indexed) ingested")
        }
        terminal.endProgress()
        if job.state != .indexed { failed += 1 }
        try JobsCommand.showDetails(of: job, isJSON: common.json)
      }
      if failed > 0 { throw CommandFailure(.failure, "\(failed) of \(sources.count) failed") }
    }
  }

  private func source(_ path: String) throws(CommandFailure) -> CollectionImport.Source {
    if crawl {
      let spec = CrawlSpec(url: path, maximumDepth: depth, maximumPages: limit)
      return CollectionImport.Source(title: path, content: .crawl(spec), uri: path)
    }
    if git {
      let location = path.contains("://") ? path : Self.absolute(path)
      let spec = RepositorySpec(location: location, reference: reference)
      return CollectionImport.Source(title: path, content: .repository(spec), uri: location)
    }
    let file = URL(filePath: Self.absolute(path))
    let bytes: Data
    do { bytes = try Data(contentsOf: file) } catch { throw CommandFailure(.notFound, "\(path) cannot be read") }
    return CollectionImport.Source(
      title: file.lastPathComponent, content: .records(name: file.lastPathComponent, bytes: bytes),
      uri: "file:\(Self.absolute(path))")
  }

  private static func absolute(_ path: String) -> String {
    URL(filePath: (path as NSString).expandingTildeInPath).standardizedFileURL.path(percentEncoded: false)
  }
}
