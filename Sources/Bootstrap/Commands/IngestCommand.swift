import Application
import ArgumentParser
import Domain
import Foundation
import Settings
import Synchronization

/// `opentier ingest`.
struct IngestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest", abstract: "Take files, folders, repositories and web pages into the knowledge base.",
    discussion: """
      Each source is recognised by itself, submitted, approved and ingested as the operator:

        opentier ingest notes.md papers.jsonl docs/         files, the lines of JSON Lines files, folders
        opentier ingest ../project                          a git repository: the files of its newest commit
        opentier ingest https://git.example.org/a.git
        opentier ingest https://docs.example.org/start      a web page

      What is there already changes nothing; what changed becomes a new revision. Folders are walked for \
      \(SourceFiles.endings.sorted().joined(separator: ", ")); a line of a .jsonl file is a document with "text" and, where \
      known, "_id", "title" and "url". Of addresses only those are read whose hosts egress.allow lists.

      A page, a site, a repository or, with --records, a large .jsonl file is taken by one job that can be watched, \
      cancelled and gone on with:

        opentier ingest --crawl https://docs.example.org/ --depth 2 --limit 200
        opentier ingest ../project --reference v2
        opentier ingest --records papers.jsonl

      With --json there is a line for each file, and for each job.
      """)

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: "The e-mail address of the account to ingest as. Default: the operator.")
  var email: String?
  @Flag(help: "Take addresses as web sites: follow their links.") var crawl = false
  @Option(help: "With --crawl: how many links a page may be away from the first. (default: 3)") var depth: Int?
  @Option(help: "With --crawl: how many addresses are looked at. (default: 500)") var limit: Int?
  @Flag(help: "Take every source as a git repository: a path, or an https address.") var git = false
  @Option(help: "Of repositories: a branch or a tag.") var reference: String?
  @Flag(help: "Take every source as a JSON Lines file, each by one job.") var records = false
  @Flag(help: "Take the files of folders as they lie there, also where a folder is a git repository.") var files = false
  @Argument(help: "Files, folders, repositories, and the addresses of pages, sites and repositories.")
  var sources: [String]

  func validate() throws {
    guard [crawl, git, records, files].count(where: { $0 }) <= 1 else {
      throw ValidationError("give one of --crawl, --git, --records and --files")
    }
    guard crawl || depth == nil && limit == nil else { throw ValidationError("--depth and --limit go with --crawl") }
    guard reference == nil || !(records || files) else { throw ValidationError("--reference goes with a repository") }
  }

  func run() async throws {
    let configuration = try common.configuration()
    var paths: [String] = []
    var collections: [CollectionImport.Source] = []
    for text in sources {
      let source = try recognise(text)
      if case .files(let path) = source { paths.append(path) }
      if let collection = try collection(source) { collections.append(collection) }
    }
    if reference != nil, !collections.contains(where: \.isRepository) {
      throw CommandFailure(.usage, "--reference goes with a repository, and none of the sources is one")
    }
    if crawl, !sources.contains(where: NamedSource.isAddress) {
      throw CommandFailure(.usage, "--crawl goes with the address of a site, such as https://docs.example.org/")
    }
    let files = try SourceFiles.find(paths)
    guard !files.isEmpty || paths.isEmpty else {
      throw CommandFailure(.notFound, "there is no file to ingest in \(paths.joined(separator: ", "))")
    }
    let (found, rest) = (files, collections)
    try await Assembly.run(configuration, loadingEmbedder: true) { assembly in
      let caller = try await admin(of: assembly)
      var failed = found.isEmpty ? 0 : try await ingest(found, assembly, caller)
      if !rest.isEmpty { failed += try await collect(rest, assembly, caller) }
      if failed > 0 { throw CommandFailure(.failure, "\(failed) failed") }
    }
  }

  /// Takes files one by one; how many failed.
  private func ingest(_ files: [URL], _ assembly: Assembly, _ caller: Principal) async throws -> Int {
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
    return failed
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
  /// What a text names, by the flags, or by what it is; of the latter whoever named it is told what it may not be.
  private func recognise(_ text: String) throws(CommandFailure) -> NamedSource {
    if git { return .repository(NamedSource.isAddress(text) ? text : NamedSource.absolute(text)) }
    if records { return .records(NamedSource.absolute(text)) }
    if crawl, NamedSource.isAddress(text) { return .site(text) }
    if files, !NamedSource.isAddress(text) { return .files(text) }
    let source = try NamedSource(recognising: text)
    switch source {
    case .repository(let location) where !NamedSource.isAddress(location):
      terminal.message(
        "\(text): a git repository, of which the newest commit is read (--files takes the files as they lie)")
    case .page: terminal.message("\(text): one page is read (--crawl follows its links)")
    default: break
    }
    return source
  }

  /// What one job takes; `nil` for files.
  private func collection(_ source: NamedSource) throws(CommandFailure) -> CollectionImport.Source? {
    switch source {
    case .files: return nil
    case .page(let address):
      // Nothing but where the page redirects to is looked at besides.
      let spec = CrawlSpec(url: address, maximumDepth: 0, maximumPages: 5)
      return CollectionImport.Source(title: address, content: .crawl(spec), uri: address)
    case .site(let address):
      let spec = CrawlSpec(url: address, maximumDepth: depth ?? 3, maximumPages: limit ?? 500)
      return CollectionImport.Source(title: address, content: .crawl(spec), uri: address)
    case .repository(let location):
      let spec = RepositorySpec(location: location, reference: reference)
      return CollectionImport.Source(title: location, content: .repository(spec), uri: location)
    case .records(let path):
      let file = URL(filePath: path)
      let bytes: Data
      do { bytes = try Data(contentsOf: file) } catch { throw CommandFailure(.notFound, "\(path) cannot be read") }
      return CollectionImport.Source(
        title: file.lastPathComponent, content: .records(name: file.lastPathComponent, bytes: bytes),
        uri: "file:\(path)")
    }
  }

  /// Takes each source by a job of its own; how many failed.
  private func collect(
    _ sources: [CollectionImport.Source], _ assembly: Assembly, _ caller: Principal
  ) async throws -> Int {
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
    return failed
  }
}
