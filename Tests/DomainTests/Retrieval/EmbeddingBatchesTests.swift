import Domain
import Testing

@Suite("Batches for the embedder")
struct EmbeddingBatchesTests {
  @Test("each text is in one batch, no batch is over its limits, and the longest come first")
  func properties() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let lengths = (0..<Int.random(in: 0...60, using: &generator)).map { _ in Int.random(in: 0...900) }
      let texts = Int.random(in: 1...9)
      let bytes = Int.random(in: 1...3_000)
      let batches = EmbeddingBatches.plan(lengths: lengths, maximumTexts: texts, maximumBytes: bytes)
      #expect(batches.flatMap { $0 }.sorted() == Array(lengths.indices))
      for batch in batches {
        #expect((1...texts).contains(batch.count))
        #expect(batch.count == 1 || batch.reduce(0) { $0 + lengths[$1] } <= bytes)
      }
      let inOrder = batches.flatMap { $0 }.map { lengths[$0] }
      #expect(inOrder == inOrder.sorted(by: >))
    }
  }

  @Test("texts of one length stay in the order in which they came")
  func order() {
    #expect(
      EmbeddingBatches.plan(lengths: [5, 9, 5, 9, 5], maximumTexts: 2, maximumBytes: 100) == [[1, 3], [0, 2], [4]])
  }
}
