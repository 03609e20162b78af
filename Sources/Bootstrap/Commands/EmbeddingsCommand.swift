import Application
import ArgumentParser
import Foundation

/// `opentier embeddings`.
struct EmbeddingsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embeddings", abstract: "Show the vectors that searches compare with, and remove those of no use.",
    discussion: """
      A server embeds all passages anew when embedding.model changes; the former vectors serve until the new ones are \
      complete.
      """,
    subcommands: [Status.self, Prune.self], defaultSubcommand: Status.self)

  /// `opentier embeddings status`.
  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "status", abstract: "Show which model serves, and how many passages have vectors of which model.")
    @OptionGroup var common: CommonOptions

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let status = try await EmbeddingsCommand.told { () throws(UseCaseFailure) in
          try await assembly.useCases.embeddingModels.status()
        }
        if common.json {
          let models = status.inventory.models.map { model in
            JSONText.object(raw: [
              ("name", JSONText.quoted(model.name)), ("dimensions", "\(model.dimensions)"),
              ("vectors", "\(model.vectors)"),
            ])
          }
          terminal.line(
            JSONText.object(raw: [
              ("serving", JSONText.quoted(status.serving)), ("wanted", JSONText.quoted(status.wanted)),
              ("passages", "\(status.inventory.passages)"), ("models", "[" + models.joined(separator: ",") + "]"),
            ]))
          return
        }
        var rows = status.inventory.models.map { ($0.name, $0.vectors, "\($0.dimensions) dimensions") }
        for name in Set([status.serving, status.wanted]).sorted() where !rows.contains(where: { $0.0 == name }) {
          rows.append((name, 0, ""))
        }
        let width = rows.map(\.0.count).max() ?? 0
        for (name, vectors, detail) in rows {
          let mark = name == status.serving ? "*" : " "
          let name = name.padding(toLength: width, withPad: " ", startingAt: 0)
          terminal.line(
            "\(mark) \(name)  \(vectors) of \(status.inventory.passages) passages  \(terminal.dim(detail))")
        }
        if status.serving != status.wanted {
          terminal.message(
            "\(status.wanted) serves as soon as a running server has embedded all passages with it; until then "
              + "\(status.serving) does")
        }
      }
    }
  }

  /// `opentier embeddings prune`.
  struct Prune: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "prune",
      abstract: "Remove the vectors of models that neither serve nor are configured to.",
      discussion: "Going back to such a model means embedding all passages anew.")
    @OptionGroup var common: CommonOptions

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let removed = try await EmbeddingsCommand.told { () throws(UseCaseFailure) in
          try await assembly.useCases.embeddingModels.prune()
        }.sorted { $0.key < $1.key }
        if common.json {
          let items = removed.map { name, count in
            JSONText.object(raw: [("name", JSONText.quoted(name)), ("removed", "\(count)")])
          }
          terminal.line("[" + items.joined(separator: ",\n") + "]")
          return
        }
        if removed.isEmpty { terminal.message("there is nothing to remove") }
        for (name, count) in removed { terminal.line("removed \(count) vectors of \(name)") }
      }
    }
  }

  fileprivate static func told<Value: Sendable>(
    _ body: () async throws(UseCaseFailure) -> Value
  ) async throws(CommandFailure) -> Value {
    do throws(UseCaseFailure) { return try await body() } catch { throw CommandFailure(error) }
  }
}
