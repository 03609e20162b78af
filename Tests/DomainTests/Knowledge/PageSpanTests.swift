import Domain
import FoundationEssentials
import Testing

@Suite("Pages of a text")
struct PageSpanTests {
  @Test("a span has both pages, from 1 and in order, or is none")
  func validity() throws {
    #expect(PageSpan(first: 3, last: 3)?.label == "p. 3")
    #expect(PageSpan(first: 3, last: 14)?.label == "pp. 3–14")
    let pairs: [(Int?, Int?)] = [(nil, nil), (1, nil), (nil, 1), (0, 1), (-1, 2), (2, 1)]
    for (first, last) in pairs { #expect(PageSpan(first: first, last: last) == nil) }
    let (one, other) = (try #require(PageSpan(first: 2, last: 3)), try #require(PageSpan(first: 5, last: 5)))
    #expect(one.union(other) == PageSpan(first: 2, last: 5))
    #expect(other.union(one) == PageSpan(first: 2, last: 5))
  }

  @Test("a text without pages puts nothing on one")
  func none() throws {
    let text = ExtractedText(text: "a b", title: nil, blocks: [TextBlock(kind: .paragraph, range: 0..<3)])
    #expect(text.pages(of: 0..<3) == nil)
    let chunks = try TextChunker().chunks(of: text, counter: ApproximateTokenCounter()) { ChunkID(UUID()) }
    #expect(chunks.map(\.pages) == [nil])
  }

  @Test("a page without text is no byte's, and one that begins within a passage ends it there")
  func edges() {
    // Pages 1 "aa", 2 and 3 empty, 4 "bb", 5 empty.
    let text = ExtractedText(text: "aabb", title: nil, blocks: [], pageStarts: [0, 2, 2, 2, 4])
    #expect(text.pages(of: 0..<1) == PageSpan(first: 1, last: 1))
    #expect(text.pages(of: 0..<2) == PageSpan(first: 1, last: 1))
    #expect(text.pages(of: 1..<3) == PageSpan(first: 1, last: 4))
    #expect(text.pages(of: 2..<4) == PageSpan(first: 4, last: 4))
  }

  @Test(
    "every chunk starts on the page that its start offset lies in, and ends on that of its last byte", arguments: 0..<60
  )
  func chunks(_ seed: Int) throws {
    var generator = SplitMix64(seed: UInt64(seed) &+ 9_000)
    let text = RandomText.make(length: 300, using: &generator)
    let bytes = Array(text.utf8)
    let starts =
      [0]
      + (0..<Int.random(in: 0...30, using: &generator)).map { _ in
        Int.random(in: 0...bytes.count, using: &generator)
      }.sorted()
    let blocks = ExtractedText.randomBlocks(of: text, using: &generator).blocks
    let paged = ExtractedText(text: text, title: nil, blocks: blocks, pageStarts: starts)
    // The slow and plain way: which page each byte is on.
    var pages = [Int](repeating: 0, count: bytes.count)
    for (index, start) in starts.enumerated() { for offset in start..<bytes.count { pages[offset] = index + 1 } }
    let chunks = try TextChunker(maximumTokens: Int.random(in: 1...60, using: &generator), overlapTokens: 5)
      .chunks(of: paged, counter: ApproximateTokenCounter()) { ChunkID(UUID()) }
    #expect(!chunks.isEmpty)
    for chunk in chunks {
      #expect(chunk.pages?.first == pages[chunk.startOffset])
      #expect(chunk.pages?.last == pages[chunk.endOffset - 1])
    }
  }

  @Test("dropping U+0000 leaves every other byte on its page", arguments: 0..<30)
  func nulls(_ seed: Int) {
    var generator = SplitMix64(seed: UInt64(seed) &+ 11_000)
    // Each page is a number of its own letter, with U+0000 among them; some pages are of U+0000 alone, or of nothing.
    let pages = (0..<12).map { index -> [UInt8] in
      (0..<Int.random(in: 0...6, using: &generator)).map { _ in
        Bool.random(using: &generator) ? 0 : UInt8(ascii: "a") + UInt8(index)
      }
    }
    var starts: [Int] = []
    var bytes: [UInt8] = []
    for page in pages {
      starts.append(bytes.count)
      bytes += page
    }
    let text = ExtractedText(
      text: String(decoding: bytes, as: UTF8.self), title: nil, blocks: [], pageStarts: starts)
    let left = Array(text.text.utf8)
    #expect(left == bytes.filter { $0 != 0 })
    #expect(text.pageStarts.count == pages.count)
    for (offset, letter) in left.enumerated() {
      #expect(text.pages(of: offset..<(offset + 1))?.first == Int(letter - UInt8(ascii: "a")) + 1)
    }
  }
}
