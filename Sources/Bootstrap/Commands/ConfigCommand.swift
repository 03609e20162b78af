import ArgumentParser
import Foundation
import Settings

/// `opentier config`.
struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Look at the configuration.", subcommands: [Show.self])

  /// `opentier config show`.
  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Print every value that is in force and where it comes from; secrets stay hidden.",
      discussion:
        "Flags win over environment variables (OPENTIER_PORT …), those over opentier.yaml, that over defaults.")
    @OptionGroup var common: CommonOptions

    func run() async throws {
      let values = try common.configuration().effectiveValues
      if common.json {
        let items = values.map {
          JSONText.object([("key", $0.key), ("value", $0.shown), ("source", $0.source.description)])
        }
        terminal.line("[" + items.joined(separator: ",\n") + "]")
        return
      }
      let keyWidth = values.map(\.key.count).max() ?? 0
      let valueWidth = min(values.map(\.shown.count).max() ?? 0, 60)
      for value in values {
        let key = value.key.padding(toLength: keyWidth, withPad: " ", startingAt: 0)
        let shown =
          value.shown.count >= valueWidth
          ? value.shown : value.shown.padding(toLength: valueWidth, withPad: " ", startingAt: 0)
        terminal.line("\(key)  \(shown)  \(terminal.dim(value.source.description))")
      }
    }
  }
}
