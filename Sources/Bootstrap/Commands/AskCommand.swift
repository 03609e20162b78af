import Application
import ArgumentParser
import Contract
import Domain

/// `opentier ask`.
struct AskCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ask", abstract: "Ask a question; the answer streams, with the passages that it cites.")

  @OptionGroup var common: CommonOptions
  @Option(help: "The model's name; see: opentier models list.") var model: String?
  @Argument(help: "The question.") var question: [String]

  func run() async throws {
    try await Assembly.run(try common.configuration(), loadingEmbedder: true) { assembly in
      assembly.warnIfNoEmbedder(terminal)
      let caller = try await assembly.operatorPrincipal()
      let command = StreamChat.Command(message: question.joined(separator: " "), model: model)
      let isJSON = common.json
      let terminal = terminal
      do {
        try await assembly.useCases.gateway.intelligence.chat(command, caller) { event throws(UseCaseFailure) in
          if isJSON {
            do { terminal.line(try ContractJSON.text(event)) } catch { throw .broken("\(error)") }
            return
          }
          switch event {
          // What fails is thrown: the answer is not resumable.
          case .started, .sources, .toolCall, .toolResult, .failed: break
          case .delta(let text): terminal.text(text)
          case .completed(_, _, let citations): Self.show(citations, on: terminal)
          }
        }
      } catch let failure as UseCaseFailure {
        throw CommandFailure(failure)
      }
    }
  }

  private static func show(_ citations: [Citation], on terminal: Terminal) {
    terminal.line()
    for citation in citations {
      let source = citation.source
      let pages = source.pages.map { ", \($0.label)" } ?? ""
      terminal.line(
        terminal.dim(
          "[\(source.marker)] \(source.title)\(pages), bytes \(source.startOffset)..<\(source.endOffset) of document "
            + "\(source.documentID); submitted by \(source.submittedBy), approved by \(source.approvedBy)"))
    }
  }
}
