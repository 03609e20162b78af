import Domain
import FoundationEssentials
import Testing

@Suite("Chunking")
struct TextChunkerTests {
  private func chunks(
    _ text: ExtractedText,
    maximumTokens: Int = 20,
    overlapTokens: Int = 0,
    counter: any TokenCounter = SpacedWordCounter()
  ) throws -> [DocumentChunk] {
    try TextChunker(maximumTokens: maximumTokens, overlapTokens: overlapTokens)
      .chunks(of: text, counter: counter) { ChunkID(UUID()) }
  }

  @Test("a short text is one chunk, without the white space around it")
  func short() throws {
    let chunks = try chunks(.of(paragraphs: ["  Hello there, world.\n"]))
    #expect(chunks.map(\.text) == ["Hello there, world."])
    #expect(chunks.first?.startOffset == 2)
    #expect(chunks.first?.endOffset == 21)
    #expect(chunks.first?.ordinal == 0)
    #expect(chunks.first?.headings == [])
  }

  @Test("a text without blocks has no chunks")
  func empty() throws {
    #expect(try chunks(ExtractedText(text: "", title: nil, blocks: [])).isEmpty)
    #expect(try chunks(ExtractedText(text: "---\n", title: nil, blocks: [])).isEmpty)
  }

  @Test("paragraphs are packed up to the size and not beyond: 20 words are one chunk, 21 are two")
  func packing() throws {
    let ten = words(10)
    #expect(try chunks(.of(paragraphs: [ten, ten])).count == 1)
    #expect(try chunks(.of(paragraphs: [ten, ten, "one"])).map { $0.text } == ["\(ten)\n\n\(ten)", "one"])
    #expect(try chunks(.of(paragraphs: [ten, words(11)])).map(\.text) == [ten, words(11)])
  }

  @Test("a paragraph that is too long is cut at sentences, a longer sentence at words")
  func cutting() throws {
    let sentence = "Alpha beta gamma delta epsilon zeta eta theta."
    let text = Array(repeating: sentence, count: 5).joined(separator: " ")
    #expect(
      try chunks(.of(paragraphs: [text])).map(\.text) == [
        "\(sentence) \(sentence)", "\(sentence) \(sentence)", sentence,
      ]
    )
    #expect(try chunks(.of(paragraphs: [words(45)])).map { $0.text.split(separator: " ").count } == [20, 20, 5])
  }

  @Test("a word that is too long is cut between graphemes")
  func longWord() throws {
    let family = "👩‍👩‍👧‍👦"
    let text = String(repeating: family, count: 100)
    let chunks = try chunks(.of(paragraphs: [text]))
    #expect(chunks.count > 1)
    #expect(chunks.map(\.text).joined() == text)
    #expect(chunks.allSatisfy { $0.text.allSatisfy { String($0) == family } })
  }

  @Test("a grapheme of 10,000 combining marks is cut between scalars")
  func longGrapheme() throws {
    let text = "a" + String(repeating: "\u{301}", count: 10_000)
    let chunks = try chunks(.of(paragraphs: [text]))
    #expect(chunks.count == 501)
    #expect(chunks.flatMap { Array($0.text.utf8) } == Array(text.utf8))
  }

  @Test("a word of 10,000 letters that the model takes as one token does not make one chunk")
  func unknownWord() throws {
    let chunks = try chunks(.of(paragraphs: [String(repeating: "x", count: 10_000)]))
    #expect(chunks.count == 500)
    #expect(chunks.allSatisfy { $0.text.utf8.count == 20 })
  }

  @Test("a heading opens a chunk, is part of it, and is on the path of all chunks of its section")
  func headings() throws {
    let text = ExtractedText.of([
      (.paragraph, "Before any heading."), (.heading(level: 1), "Guide"), (.heading(level: 2), "Start"),
      (.paragraph, words(30)), (.heading(level: 2), "Next\nsteps"), (.paragraph, "Short."), (.heading(level: 1), "End"),
    ])
    let chunks = try chunks(text)
    #expect(
      chunks.map(\.headings) == [[], ["Guide", "Start"], ["Guide", "Start"], ["Guide", "Next steps"], ["End"]]
    )
    #expect(chunks[1].text.hasPrefix("Guide\n\nStart\n\nword1"))
    #expect(chunks[3].text == "Next\nsteps\n\nShort.")
    #expect(chunks.last?.text == "End")
    #expect(chunks.map(\.ordinal) == [0, 1, 2, 3, 4])
  }

  @Test("a heading stays with the paragraph under it, even where both together are too long")
  func headingStays() throws {
    let chunks = try chunks(.of([(.heading(level: 1), "Title"), (.paragraph, "One two three. " + words(18))]))
    #expect(chunks.first?.text == "Title\n\nOne two three.")
    #expect(chunks.count == 2)
  }

  @Test("the headings on the path are cut to 200 characters")
  func longHeading() throws {
    let chunks = try chunks(.of([(.heading(level: 3), String(repeating: "h", count: 300)), (.paragraph, "x")]))
    #expect(chunks.first?.headings.map(\.count) == [200])
  }

  @Test("a chunk repeats whole sentences of the one before, up to the overlap, and only within its section")
  func overlap() throws {
    let sentences = (1...8).map { "Sentence number \($0) has six words." }
    let text = ExtractedText.of([
      (.paragraph, sentences.joined(separator: " ")), (.heading(level: 1), "New"), (.paragraph, "Other words."),
    ])
    let chunks = try chunks(text, maximumTokens: 20, overlapTokens: 7)
    #expect(chunks[0].text == sentences[0...2].joined(separator: " "))
    #expect(chunks[1].text == sentences[2...4].joined(separator: " "))
    #expect(chunks.last?.text == "New\n\nOther words.")
    #expect(try self.chunks(text, maximumTokens: 20, overlapTokens: 5)[1].text.hasPrefix(sentences[3]))
  }

  @Test("the overlap gives way to a new sentence that would not fit beside it")
  func overlapGivesWay() throws {
    let text = "Short one here. Another short one. Long " + words(18) + "."
    let chunks = try chunks(.of(paragraphs: [text]), maximumTokens: 20, overlapTokens: 10)
    #expect(chunks.map(\.text) == ["Short one here. Another short one.", "Long \(words(18))."])
  }

  @Test("code and tables are cut at lines")
  func lines() throws {
    let lines = (1...10).map { "let value\($0) = call(one two three. Four five)" }
    let chunks = try chunks(.of([(.code, lines.joined(separator: "\n"))]))
    #expect(chunks.allSatisfy { chunk in chunk.text.split(separator: "\n").allSatisfy { lines.contains(String($0)) } })
    #expect(chunks.count == 5)
  }

  @Test("the limit on chunks holds: as many as it says are made, one more is refused")
  func limit() throws {
    let text = ExtractedText.of(paragraphs: [words(60)])
    let chunker = TextChunker(maximumTokens: 20, overlapTokens: 0, maximumChunks: 3)
    #expect(try chunker.chunks(of: text, counter: SpacedWordCounter()) { ChunkID(UUID()) }.count == 3)
    #expect(throws: TextChunker.Failure.tooManyChunks(limit: 3)) {
      try chunker.chunks(of: .of(paragraphs: [words(61)]), counter: SpacedWordCounter()) { ChunkID(UUID()) }
    }
  }

  @Test("sizes out of range are clamped")
  func clamped() {
    let chunker = TextChunker(maximumTokens: 0, overlapTokens: 100, maximumChunks: -1)
    #expect(chunker.maximumTokens == 1)
    #expect(chunker.overlapTokens == 0)
    #expect(chunker.maximumChunks == 1)
    #expect(TextChunker(maximumTokens: 10, overlapTokens: 9).overlapTokens == 5)
  }

  @Test("a long run of white space or of characters that a vocabulary drops does not make a long chunk")
  func gaps() throws {
    let blanks = try chunks(.of(paragraphs: ["one" + String(repeating: " ", count: 100_000) + "two"]))
    #expect(blanks.map(\.text) == ["one", "two"])
    let dropped = String(repeating: "\u{200B}", count: 5_000)
    let chunks = try chunks(.of(paragraphs: ["one \(dropped) two"]), counter: DroppingCounter())
    #expect(chunks.flatMap { Array($0.text.utf8) }.count == 15_006)
    #expect(chunks.allSatisfy { $0.text.utf8.count <= 20 * 64 })
  }
}

/// `count` different words.
private func words(_ count: Int) -> String { (1...count).map { "word\($0)" }.joined(separator: " ") }
