import Domain

@testable import Embeddings

/// A vocabulary small enough that the fuzzer gets to all of it.
private let tokenizer: BertTokenizer = {
  let letters = "abcdefghijklmnopqrstuvwxyz0123456789".map(String.init)
  let pieces =
    [
      "[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "the", "##ing", "##ed", "un", "über", "日", "##本", ".", ",", "[",
      "]",
    ]
    + letters + letters.map { "##" + $0 }
  do { return try BertTokenizer(vocabulary: pieces.joined(separator: "\n")) } catch { fatalError("\(error)") }
}()

/// Words are in order, whole scalars of the text, and as many tokens as are counted and encoded.
func fuzzTokenizer(_ bytes: [UInt8]) {
  guard let text = text(of: bytes) else { return }
  let words = tokenizer.words(in: text)
  var start = 0
  for word in words {
    require(word.tokens > 0, "a word has no tokens")
    require(word.range.lowerBound >= start && word.range.upperBound <= bytes.count, "words are out of order")
    require(!word.range.isEmpty && isBoundary(word.range.lowerBound, bytes), "a word begins within a scalar")
    require(isBoundary(word.range.upperBound, bytes), "a word ends within a scalar")
    start = word.range.lowerBound
  }
  let count = words.reduce(0) { $0 + $1.tokens }
  require(tokenizer.count(text) == count, "the count is not that of the words")
  let whole = tokenizer.encode(text, maximum: .max)
  require(whole.count == count + 2, "the encoding is not as long as the count")
  let cut = tokenizer.encode(text, maximum: 8)
  require(cut.count == min(whole.count, 8), "the encoding is not cut to its maximum")
  require(cut.dropLast() == whole.prefix(cut.count - 1) && cut.last == whole.last, "another beginning when cut")
}

/// The first bytes are the sizes, the counter and where blocks and pages begin; the rest is the text.
func fuzzChunker(_ bytes: [UInt8]) {
  guard bytes.count > 4, let source = text(of: bytes[4...]) else { return }
  // What extraction gives is clean.
  let text = TextCleaner.clean(source)
  let content = Array(text.utf8)
  var numbers = Numbers(state: UInt64(bytes[3]))
  let kinds: [TextBlock.Kind] = [
    .paragraph, .heading(level: 1), .heading(level: 3), .listItem, .code, .table, .quote, .record,
  ]
  var blocks: [TextBlock] = []
  var pages: [Int] = bytes[2] & 2 == 0 ? [] : [0]
  var start = 0
  while start < content.count {
    var end = min(start + 1 + numbers.next(below: 120), content.count)
    while !isBoundary(end, content) { end += 1 }
    if numbers.next(below: 8) > 0 {
      blocks.append(TextBlock(kind: kinds[numbers.next(below: kinds.count)], range: start..<end))
    }
    if !pages.isEmpty, numbers.next(below: 3) == 0 { pages.append(end) }
    start = end
  }
  let extracted = ExtractedText(text: text, title: nil, blocks: blocks, pageStarts: pages)
  let chunker = TextChunker(maximumTokens: Int(bytes[0]), overlapTokens: Int(bytes[1]))
  let counter: any TokenCounter = bytes[2] & 1 == 0 ? ApproximateTokenCounter() : tokenizer
  checkChunks(of: extracted, by: chunker, counter: counter)
}

/// Numbers that follow from a seed (the constants of Knuth's MMIX).
private struct Numbers {
  var state: UInt64

  mutating func next(below bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }
}
