import Application
import Domain
import Embeddings
import Foundation

/// What the embedder makes of texts on the standard input, a JSON object with `text` a line.
enum Comparison {
  private struct Line: Decodable {
    let text: String
  }

  private static func texts(_ limit: Int) throws -> [String] {
    var texts: [String] = []
    while texts.count < limit, let line = readLine() {
      texts.append(try JSONDecoder().decode(Line.self, from: Data(line.utf8)).text)
    }
    return texts
  }

  /// Prints the ids of the tokens of the first 10,000 texts.
  static func printTokens(_ folder: URL) throws {
    let tokenizer = try MiniLMEmbedder.load(from: folder, arithmetic: .float32).tokenizer
    for text in try texts(10_000) {
      print(tokenizer.encode(text, maximum: 256).map(String.init).joined(separator: " "))
    }
  }

  /// Prints the least cosine of each arithmetic with 32-bit floating point over the first 1,000 texts.
  static func printCosines(_ folder: URL) async throws {
    let texts = try texts(1_000)
    let exact = try await MiniLMEmbedder.load(from: folder, arithmetic: .float32).embed(texts)
    for arithmetic in MiniLMEmbedder.Arithmetic.allCases where arithmetic != .automatic && arithmetic != .float32 {
      let embedder = try MiniLMEmbedder.load(from: folder, arithmetic: arithmetic)
      let embeddings = try await embedder.embed(texts)
      let least = zip(embeddings, exact).map { Double($0.cosine($1)) }.min() ?? .nan
      print(
        "{\"asked\": \"\(arithmetic.rawValue)\", \"arithmetic\": \"\(embedder.arithmetic)\", \"least_cosine\": \(least)}"
      )
    }
  }
}
