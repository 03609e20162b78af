import Application
import ArgumentParser
import Contract
import Domain

/// `opentier search`.
struct SearchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search", abstract: "Find passages by words, by meaning, or by both.")

  @OptionGroup var common: CommonOptions
  @Option(help: "lexical, semantic or hybrid.") var mode: SearchMode = .hybrid
  @Option(help: "How many passages at most, 1 to 100.") var limit = SearchKnowledge.Query.defaultHits
  @Argument(help: "The words to look for.") var query: [String]

  func run() async throws {
    try await Assembly.run(try common.configuration(), loadingEmbedder: mode != .lexical) { assembly in
      if mode != .lexical { assembly.warnIfNoEmbedder(terminal) }
      let caller = try await assembly.operatorPrincipal()
      let query = SearchKnowledge.Query(text: query.joined(separator: " "), mode: mode, limit: limit)
      let hits: [SearchHit]
      do { hits = try await assembly.useCases.search(query, caller) } catch let failure as UseCaseFailure {
        throw CommandFailure(failure)
      }
      if common.json {
        let items = try hits.map { try ContractJSON.text($0) }
        terminal.line("[" + items.joined(separator: ",\n") + "]")
        return
      }
      if hits.isEmpty { terminal.message("nothing was found") }
      for (index, hit) in hits.enumerated() {
        let chunk = hit.passage.chunk
        let pages = chunk.pages.map { ", \($0.label)" } ?? ""
        terminal.line(
          terminal.bold("\(index + 1). \(hit.passage.title)\(pages)")
            + terminal.dim("  \(hit.passage.documentID) \(chunk.startOffset)..<\(chunk.endOffset)"))
        let words = chunk.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        terminal.line("   " + (words.count > 300 ? words.prefix(299) + "…" : words))
      }
    }
  }
}

extension SearchMode: ExpressibleByArgument {}
