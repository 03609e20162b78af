import Application
import Domain
import FoundationEssentials

@testable import LanguageModels

/// Counts a token a word.
struct SpaceCounter: TokenCounter {
  func count(_ text: String) -> Int { text.split(whereSeparator: \.isWhitespace).count }
  func words(in text: String) -> [TokenizedWord] { [] }
}

/// A few dimensions of meaning, each a set of words; a text is the sum of the dimensions that it touches.
struct ConceptEmbedder: Embedder {
  let model = EmbeddingModel(name: "concepts", dimensions: 256, maximumTokens: 256)
  var failure: EmbeddingFailure?
  var requests: @Sendable (Int) -> Void = { _ in }

  private static let concepts: [Set<String>] = [
    ["high", "height", "tall", "metres"], ["tower", "eiffel"], ["vacation", "holiday", "leave"],
    ["days", "year"], ["bread", "oven", "bake"],
  ]

  func embed(_ texts: [String]) async throws(EmbeddingFailure) -> [Embedding] {
    requests(texts.count)
    if let failure { throw failure }
    return texts.map { text in
      let words = Set(text.lowercased().split { !$0.isLetter }.map(String.init))
      var values = Self.concepts.map { $0.isDisjoint(with: words) ? Float(0) : 1 }
      // What no dimension knows has a direction of its own (FNV-1a of its bytes).
      let hash = text.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
      let isKnown = values.contains(1)
      values += (0..<251).map { !isKnown && $0 == hash % 251 ? 1 : 0 }
      let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return Embedding(values.map { $0 / length })
    }
  }
}

/// Sources cut from made-up revisions, each starting somewhere within its text.
func sources(_ texts: [String], titles: [String] = []) -> [Source] {
  texts.enumerated().map { index, text in
    Source(
      marker: index + 1, documentID: DocumentID(UUID()), revisionID: RevisionID(UUID()), chunkID: ChunkID(UUID()),
      title: titles.indices.contains(index) ? titles[index] : "Notes", text: text, startOffset: 1_000 * index + 7,
      endOffset: 1_000 * index + 7 + text.utf8.count, submittedBy: "Ada", approvedBy: "Grace")
  }
}

/// Asks the extractive model.
func extract(
  _ question: String, from sources: [Source], embedder: (any Embedder)? = nil, maximumTokens: Int? = nil,
  onText: @escaping @Sendable (String) async throws(ModelFailure) -> Void = { _ throws(ModelFailure) in }
) async -> ReplyOutcome {
  let model = ExtractiveLanguageModel(embedder: CurrentEmbedder { embedder }, counter: SpaceCounter())
  let request = ModelRequest(
    messages: [ModelMessage(role: .user, content: question)], question: question, sources: sources,
    maximumTokens: maximumTokens)
  return await Provider.ask(model, request, onText: onText)
}
