import Application
import Domain
import Synchronization
import Testing

@testable import LanguageModels

@Suite("The extractive model")
struct ExtractiveLanguageModelTests {
  private let handbook = [
    "The office opens at eight. Employees receive thirty days of paid vacation each year.\nUnused vacation expires "
      + "in March. Lunch is at noon.",
    "Expense reports are due within four weeks. Ask the finance team for hotel limits.",
  ]

  @Test("answers with the sentence that has the question's words, word for word and cited")
  func answers() async throws {
    let outcome = await extract("When are expense reports due?", from: sources(handbook))
    #expect(outcome.text == "Expense reports are due within four weeks. [2]")
    #expect(try outcome.result.get().finishReason == .stop)
  }

  @Test("each quote is exactly the bytes of its source at its offsets, and passes the check of citations")
  func quotes() async throws {
    let given = sources([
      "Größe: die Höhe   beträgt\n330 Meter. Danach folgt Text.", "Die Höhe des Hauses ist 12 Meter.",
    ])
    let outcome = await extract("Welche Höhe in Meter?", from: given)
    let quotes = try outcome.result.get().quotes
    #expect(quotes.count == 2)
    for quote in quotes {
      let source = try #require(given.first { $0.marker == quote.marker })
      let bytes = Array(source.text.utf8)[
        (quote.startOffset - source.startOffset)..<(quote.endOffset - source.startOffset)]
      #expect(String(decoding: bytes, as: UTF8.self) == quote.text)
      #expect(quote.revisionID == source.revisionID && quote.chunkID == source.chunkID)
    }
    #expect(outcome.text.contains("Größe: die Höhe beträgt 330 Meter. [1]"))
    let citations = CitationCheck.citations(in: outcome.text, sources: given, quotes: quotes)
    #expect(Set(citations.map(\.source)) == Set(quotes))
  }

  @Test("finds by meaning what shares no word with the question")
  func meaning() async {
    let given = sources(["The tower was opened in spring. The Eiffel is 330 metres tall. It is made of iron."])
    #expect(await extract("What height?", from: given).text == ExtractiveLanguageModel.nothingFound)
    let outcome = await extract("What height has the tower?", from: given, embedder: ConceptEmbedder())
    #expect(outcome.text.contains("The Eiffel is 330 metres tall. [1]"))
  }

  @Test(
    "says plainly that nothing was found, and cites nothing",
    arguments: [
      "How do I bake bread?", "Who won the world cup in 2018?", "What is the capital of France?", "???", "the of and",
    ])
  func nothing(question: String) async throws {
    for embedder in [nil, ConceptEmbedder()] {
      for given in [sources(handbook), []] {
        let outcome = await extract(question, from: given, embedder: embedder)
        #expect(outcome.text == ExtractiveLanguageModel.nothingFound)
        #expect(try outcome.result.get().quotes.isEmpty)
        #expect(CitationCheck.markers(in: outcome.text).isEmpty)
      }
    }
  }

  @Test("has at most four sentences, those of one source together and as they stand there")
  func order() async throws {
    let given = sources([
      "Pumps need oil. In winter the pressure of Zephyr pumps falls. Zephyr pumps need 4 bar of pressure at night.",
      "The pressure of Zephyr pumps is checked daily. Pumps fail. Old Zephyr pumps leak under pressure. "
        + "Service technicians log the pressure of each Zephyr pump.",
    ])
    let outcome = await extract("Tell me about the pressure of Zephyr pumps", from: given)
    let quotes = try outcome.result.get().quotes
    #expect(quotes.count == 4)
    let markers = quotes.map(\.marker)
    #expect(markers == markers.sorted() || markers == markers.sorted().reversed())
    for marker in Set(markers) {
      let offsets = quotes.filter { $0.marker == marker }.map(\.startOffset)
      #expect(offsets == offsets.sorted())
    }
    #expect(outcome.text.contains("Zephyr pumps need 4 bar"))
  }

  @Test("says nothing twice")
  func redundancy() async throws {
    let given = sources([
      "The backup runs every six hours.", "The backup runs every six hours!", "The backup runs every six hours, too.",
    ])
    #expect(try await extract("How often does the backup run?", from: given).result.get().quotes.count == 1)
  }

  @Test("the same question gives the same answer, in the same parts")
  func deterministic() async {
    let given = sources(handbook + ["Vacation days are paid in each year.", "Paid days of vacation."])
    let first = await extract("How many days of paid vacation?", from: given, embedder: ConceptEmbedder())
    for _ in 0..<10 {
      let again = await extract("How many days of paid vacation?", from: given, embedder: ConceptEmbedder())
      #expect(again.texts == first.texts)
    }
  }

  @Test("comes in parts of a few words, none of them empty")
  func parts() async {
    let outcome = await extract("When are expense reports due?", from: sources(handbook))
    #expect(outcome.texts == ["Expense reports are", " due within four", " weeks. [2]"])
  }

  @Test("a bracketed number in a source is no citation of the answer")
  func forgedMarkers() async throws {
    let given = sources(["The valve opens at 3 bar [2]. See [1, 2] for the valve.", "Something else."])
    let outcome = await extract("When does the valve open?", from: given)
    #expect(outcome.text.contains("The valve opens at 3 bar"))
    #expect(CitationCheck.markers(in: outcome.text) == [1])
    #expect(try outcome.result.get().quotes.first?.text.contains("[2]") == true)
  }

  @Test("code marks that would hide a citation keep a sentence out; list and quotation marks are left off")
  func markdown() async throws {
    let given = sources([
      "# The cache\n\n- The cache holds 100 entries.\n- The cache `drops old entries.\n2. The `LRU` cache is fast.\n"
        + "> The cache is cleared at night.\n"
    ])
    let outcome = await extract("What about the cache entries?", from: given)
    #expect(outcome.text == "The cache holds 100 entries. [1]")
    let night = await extract("Is the cache cleared at night?", from: given)
    #expect(try night.result.get().quotes.first?.text == "The cache is cleared at night.")
    let fast = await extract("Is the LRU cache fast?", from: given)
    #expect(CitationCheck.markers(in: fast.text) == [1])
  }

  @Test("text without full stops is quoted in part, and says so")
  func longSentence() async throws {
    let words = (0..<400).map { $0 == 200 ? "zephyr pressure" : "word\($0)" }
    let given = sources([words.joined(separator: " ")])
    let outcome = await extract("zephyr pressure", from: given)
    let quote = try #require(try outcome.result.get().quotes.first)
    #expect(quote.text.utf8.count <= SourceSentence.maximumLength)
    #expect(quote.text.contains("zephyr pressure"))
    #expect(outcome.text.hasPrefix("… ") && outcome.text.contains(" … [1]"))
  }

  @Test("text without spaces is read too")
  func eastAsian() async throws {
    let given = sources(["東京タワーの高さは333メートルです。大阪城は有名です。", "犬は動物です。"])
    #expect(await extract("東京タワーの高さは?", from: given).text == "東京タワーの高さは333メートルです。 [1]")
    let long = sources([String(repeating: "東京都", count: 300)])
    #expect(try await extract("東京都", from: long).result.get().quotes.first?.text.first == "東")
  }

  @Test("embeds the question and at most eight sentences, in two requests side by side")
  func bounded() async {
    let many = sources(
      (0..<8).map { source in
        (0..<20).map { "Sentence \(source) and \($0) is about vacation." }.joined(separator: " ")
      })
    let counts = Counts()
    var embedder = ConceptEmbedder()
    embedder.requests = { count in counts.all.withLock { $0.append(count) } }
    _ = await extract("vacation", from: many, embedder: embedder)
    #expect(counts.all.withLock { $0 }.sorted() == [4, 5])
  }

  @Test(
    "words alone decide when the embedder is overloaded",
    arguments: [EmbeddingFailure.unavailable("x"), .rejected("x")])
  func embedderFails(failure: EmbeddingFailure) async {
    var embedder = ConceptEmbedder()
    embedder.failure = failure
    let outcome = await extract("When are expense reports due?", from: sources(handbook), embedder: embedder)
    #expect(outcome.text == "Expense reports are due within four weeks. [2]")
  }

  @Test("ends with the task, within the embedder or between two parts")
  func cancelled() async {
    var embedder = ConceptEmbedder()
    embedder.failure = .cancelled
    #expect(await extract("expense reports", from: sources(handbook), embedder: embedder).failure == .cancelled)
    let task = Task {
      await extract("When are expense reports due?", from: sources(handbook)) { _ throws(ModelFailure) in
        withUnsafeCurrentTask { $0?.cancel() }
      }
    }
    let outcome = await task.value
    #expect(outcome.failure == .cancelled)
    #expect(outcome.texts == ["Expense reports are"])
  }

  @Test("what the reader throws is thrown on")
  func readerFails() async {
    let outcome = await extract("expense reports due", from: sources(handbook)) { _ throws(ModelFailure) in
      throw .rejected("enough")
    }
    #expect(outcome.failure == .rejected("enough"))
  }

  @Test("counts what went in and came out, and stops at the limit with the quotes that are whole")
  func usage() async throws {
    let whole = try await extract("When are expense reports due?", from: sources(handbook)).result.get()
    #expect(whole.usage == TokenUsage(promptTokens: 5, completionTokens: 8))
    let cut = await extract("When are expense reports due?", from: sources(handbook), maximumTokens: 7)
    #expect(cut.text == "Expense reports are due within four")
    #expect(
      cut.result
        == .success(ReplyEnd(finishReason: .length, usage: TokenUsage(promptTokens: 5, completionTokens: 6))))
  }

  @Test("greetings and thanks get a word back, not a search", arguments: ["Hello!", "thank you", "What can you do?"])
  func smallTalk(text: String) async throws {
    let outcome = await extract(text, from: sources(handbook))
    #expect(outcome.text != ExtractiveLanguageModel.nothingFound)
    #expect(try outcome.result.get().quotes.isEmpty)
  }

  @Test("the title that a front end asks for is the first question, in the form that it wants")
  func titles() async {
    let history =
      "### Chat History:\n<chat_history>\nUSER: How high is the \"Eiffel\" tower in Paris today?\n</chat_history>"
    #expect(
      await extract("Generate a concise, 3-5 word title.\n" + history, from: []).text
        == "How high is the \"Eiffel\" tower")
    #expect(
      await extract("Generate a title. JSON format: { \"title\": \"x\" }\n" + history, from: []).text
        == #"{"title":"How high is the \"Eiffel\" tower"}"#)
    #expect(
      await extract("Generate 1-3 broad tags. JSON format: { \"tags\": [] }\n" + history, from: []).text
        == #"{"tags":["high","eiffel","tower"]}"#)
  }

  @Test("a question about titles is a question")
  func noTitlePrompt() async {
    let given = sources(["To generate a title page from a conversation, press F7."])
    let outcome = await extract("How do I generate a title page from a conversation?", from: given)
    #expect(outcome.text.hasSuffix("press F7. [1]"))
  }

  private final class Counts: Sendable {
    let all = Mutex<[Int]>([])
  }
}

@Suite("Terms of a text")
struct TermSetTests {
  @Test(
    "forms of one word meet",
    arguments: [
      ["deployment", "deployments"], ["policy", "policies"], ["make", "makes", "making"],
      ["stop", "stopped", "stopping"],
      ["carry", "carried", "carries"], ["box", "boxes"], ["class", "classes"], ["quick", "quickly"],
    ])
  func forms(words: [String]) { #expect(Set(words.map(TermSet.stem)).count == 1, "\(words.map(TermSet.stem))") }

  @Test("different words stay apart", arguments: [["bus", "bu"], ["analysis", "analysi"], ["sing", "s"]])
  func apart(words: [String]) { #expect(Set(words.map(TermSet.stem)).count == words.count) }

  @Test("function words are left out, numbers and names stay")
  func functionWords() {
    let expected = ["iso", "8601", "date", "zürich", "2nd", "fair"].map(TermSet.stem)
    #expect(TermSet.terms(in: "What is the ISO-8601 date of Zürich's 2nd fair?") == expected)
  }
}
