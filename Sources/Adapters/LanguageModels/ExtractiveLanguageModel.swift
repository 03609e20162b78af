package import Application
package import Domain

/// Answers with the best sentences of the passages, word for word, each cited: deterministic, with no network.
///
/// Sentences are ranked by the question's words; the best are compared with it by meaning where there is an embedder.
/// When none is relevant it says so and cites nothing.
package struct ExtractiveLanguageModel: LanguageModel {
  /// `extractive`.
  package static let modelName = "extractive"
  /// What is said when no sentence is relevant.
  package static let nothingFound = "I found nothing about this in the knowledge base."
  /// How many words one part of the stream has.
  static let wordsPerPart = 3

  package var name: String { Self.modelName }
  private let embedder: CurrentEmbedder
  private let counter: any TokenCounter

  /// Makes the model.
  ///
  /// - Parameters:
  ///   - embedder: judges by meaning while there is one; without, or when it fails, words alone decide.
  ///   - counter: measures the usage and the limit of a reply.
  package init(embedder: CurrentEmbedder, counter: any TokenCounter) {
    self.embedder = embedder
    self.counter = counter
  }

  /// Texts of any length, and nothing else.
  package var profiles: [ModelProfile] { [Self.profile] }
  private static let profile = ModelProfile(contextWindow: nil, maximumOutput: nil, capabilities: []) ?? .unknown

  /// It reads passages and nothing else; being deterministic, it keeps to every temperature and seed.
  package func unsupported(in request: ModelRequest) -> UnsupportedRequest? {
    if request.prompt != nil || !request.isGrounded {
      return .feature("the model \(name) answers from passages alone: ask for rag:\(name)")
    }
    if !request.tools.isEmpty { return .feature("the model \(name) does not take tools") }
    if request.messages.contains(where: { !$0.images.isEmpty }) {
      return .feature("the model \(name) does not take pictures")
    }
    if !request.options.stop.isEmpty { return .feature("the model \(name) does not take stop") }
    switch request.options.responseFormat {
    case nil, .text: return nil
    case .jsonObject, .jsonSchema: return .feature("the model \(name) does not take response_format")
    }
  }

  package func reply(to request: ModelRequest, reader: ReplyReader) async throws(ModelFailure) -> ReplyEnd {
    if let unsupported = unsupported(in: request) { throw ModelFailure(unsupported) }
    let parts: [AnswerPart]
    if let text = SmallTalk.answer(to: request.question) {
      parts = [AnswerPart(text: text, quote: nil)]
    } else {
      parts = AnswerPart.parts(of: try await sentences(for: request))
    }
    let prompt = request.messages.reduce(0) { $0 + counter.count($1.content) }
    var used = 0
    var quotes: [Source] = []
    for part in parts {
      for piece in part.pieces(ofWords: Self.wordsPerPart) {
        let tokens = counter.count(piece)
        if let limit = request.maximumTokens, used + tokens > limit {
          return end(.length, prompt, used, quotes)
        }
        guard !Task.isCancelled else { throw .cancelled }
        used += tokens
        try await reader.write(piece)
      }
      if let quote = part.quote { quotes.append(quote) }
    }
    return end(.stop, prompt, used, quotes)
  }

  private func end(_ reason: FinishReason, _ prompt: Int, _ completion: Int, _ quotes: [Source]) -> ReplyEnd {
    ReplyEnd(
      finishReason: reason, usage: TokenUsage(promptTokens: prompt, completionTokens: completion), quotes: quotes)
  }

  // Reading the passages takes milliseconds of computing: not on the caller's executor.
  @concurrent
  private func sentences(for request: ModelRequest) async throws(ModelFailure) -> [SourceSentence] {
    let ranked = SentenceRanking.rank(SourceSentence.all(in: request.sources), for: request.question)
    guard !ranked.isEmpty else { return [] }
    guard !Task.isCancelled else { throw .cancelled }
    guard let embedder = embedder() else { return AnswerSelection(ranked).sentences() }
    let texts = [request.question] + ranked.prefix(AnswerSelection.maximumEmbedded).map(\.sentence.text)
    do {
      let vectors = try await embed(texts, by: embedder)
      guard let question = vectors.first, vectors.count == texts.count else {
        return AnswerSelection(ranked).sentences()
      }
      return AnswerSelection(ranked, question: question, vectors: vectors.dropFirst()).sentences()
    } catch {
      switch error {
      case .cancelled: throw .cancelled
      // An overloaded embedder makes a plainer answer, not none.
      case .unavailable, .rejected: return AnswerSelection(ranked).sentences()
      }
    }
  }

  /// Embeds in two requests at a time: an embedder takes one core a request, and the reader waits for the first word.
  @concurrent
  private func embed(_ texts: [String], by embedder: any Embedder) async throws(EmbeddingFailure) -> [Embedding] {
    let middle = (texts.count + 1) / 2
    async let second = result(of: Array(texts[middle...]), by: embedder)
    let first = await result(of: Array(texts[..<middle]), by: embedder)
    return try await first.get() + second.get()
  }

  @concurrent
  private func result(
    of texts: [String], by embedder: any Embedder
  ) async -> Result<[Embedding], EmbeddingFailure> {
    do throws(EmbeddingFailure) { return .success(try await embedder.embed(texts)) } catch { return .failure(error) }
  }
}

/// A stretch of an answer that is quoted from one place, or from none.
struct AnswerPart: Sendable {
  /// What is shown, the space before it included.
  let text: String
  /// What it quotes.
  let quote: Source?

  /// The answer made of sentences: those of one source in a paragraph, each with its citation behind it.
  static func parts(of sentences: [SourceSentence]) -> [AnswerPart] {
    guard !sentences.isEmpty else { return [AnswerPart(text: ExtractiveLanguageModel.nothingFound, quote: nil)] }
    var previous: Int?
    return sentences.map { sentence in
      let marker = sentence.source.marker
      let space = previous == nil ? "" : previous == marker ? " " : "\n\n"
      previous = marker
      return AnswerPart(text: "\(space)\(sentence.shown) [\(marker)]", quote: sentence.quote)
    }
  }

  /// The text in pieces of so many words, the white space before each word included; joined, they are the text.
  func pieces(ofWords words: Int) -> [String] {
    var pieces: [String] = []
    var piece = ""
    var count = 0
    var isInWord = false
    for character in text {
      if !character.isWhitespace, !isInWord {
        if count == words {
          pieces.append(piece)
          (piece, count) = ("", 0)
        }
        count += 1
      }
      if character.isWhitespace, isInWord, count == words {
        pieces.append(piece)
        (piece, count) = ("", 0)
      }
      isInWord = !character.isWhitespace
      piece.append(character)
    }
    if !piece.isEmpty { pieces.append(piece) }
    return pieces
  }
}
