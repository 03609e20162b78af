import Domain
import FoundationEssentials
import Testing

@Suite("Chunks of any text")
struct ChunkingProperties {
  static let counters: [any TokenCounter] = [
    ApproximateTokenCounter(), SpacedWordCounter(), ScalarCounter(), DroppingCounter(), TornCounter(),
  ]

  @Test("have exactly the bytes of their offsets, stay within the size and leave nothing out", arguments: 0..<60)
  func hold(_ seed: Int) throws {
    var generator = SplitMix64(seed: UInt64(seed) &+ 1_000)
    let text = RandomText.make(length: 400, using: &generator)
    let extracted = ExtractedText.randomBlocks(of: text, using: &generator)
    let bytes = Array(text.utf8)
    let size = Int.random(in: 1...60, using: &generator)
    for counter in Self.counters {
      let chunker = TextChunker(maximumTokens: size, overlapTokens: size / 3)
      let chunks = try chunker.chunks(of: extracted, counter: counter) { ChunkID(UUID()) }
      var covered = [Bool](repeating: false, count: bytes.count)
      var last = (start: -1, end: 0)
      for chunk in chunks {
        let range = chunk.startOffset..<chunk.endOffset
        #expect(Array(chunk.text.utf8) == Array(bytes[range]))
        #expect(bytes.trimmingWhiteSpace(range) == range && !range.isEmpty)
        #expect(range.lowerBound > last.start && range.upperBound > last.end, "each chunk brings something new")
        #expect(range.count <= size * 64)
        for index in range { covered[index] = true }
        last = (range.lowerBound, range.upperBound)
      }
      for block in extracted.blocks {
        let inside = RandomText.contentIndices(of: Array(bytes[block.range])).map { $0 + block.range.lowerBound }
        #expect(inside.allSatisfy { covered[$0] })
      }
      let again = try chunker.chunks(of: extracted, counter: counter) { ChunkID(UUID()) }
      #expect(again.map(\.text) == chunks.map(\.text))
    }
  }

  @Test("have no more tokens than the size where words are small enough to be kept whole", arguments: 0..<20)
  func size(_ seed: Int) throws {
    var generator = SplitMix64(seed: UInt64(seed) &+ 5_000)
    let text = RandomText.make(length: 400, using: &generator)
    let extracted = ExtractedText.randomBlocks(of: text, using: &generator)
    for counter in [ApproximateTokenCounter(), ScalarCounter()] as [any TokenCounter] {
      let chunks = try TextChunker(maximumTokens: 50, overlapTokens: 12)
        .chunks(of: extracted, counter: counter) { ChunkID(UUID()) }
      for chunk in chunks { #expect(counter.count(chunk.text) <= 50) }
    }
  }

  @Test(
    "of one long paragraph reach its end, whatever it repeats",
    arguments: ["Some words make a sentence. ", "x", "word ", "。", "漢字", "line\n", "para\n\n", "e\u{301}"]
  )
  func large(_ unit: String) throws {
    let text = String(repeating: unit, count: 500_000 / unit.utf8.count)
    let extracted = ExtractedText(
      text: text,
      title: nil,
      blocks: [TextBlock(kind: .paragraph, range: 0..<text.utf8.count)]
    )
    let chunks = try TextChunker(maximumChunks: 1_000_000)
      .chunks(of: extracted, counter: ApproximateTokenCounter()) { ChunkID(UUID()) }
    #expect(chunks.last?.endOffset == text.utf8.count - (unit.last?.isWhitespace == true ? trailing(unit) : 0))
  }

  private func trailing(_ unit: String) -> Int { unit.reversed().prefix { $0.isWhitespace }.count }
}
