import Domain
import Testing

@Suite("Convex fusion")
struct ConvexFusionTests {
  @Test("each score counts from the least that it can be to the best, and meaning four times as much as words")
  func scores() {
    let scores = ConvexFusion.scores(lexical: [10, 5, 0], cosines: [0, 0.5, 1])
    // 0.8 · (cosine + 1) / 2 + 0.2 · words / 10.
    let expected = [0.4 + 0.2, 0.6 + 0.1, 0.8]
    #expect(zip(scores, expected).allSatisfy { abs($0 - $1) < 1e-12 })
  }

  @Test("without any word the meaning decides, without any vector the words")
  func degenerate() {
    #expect(ConvexFusion.scores(lexical: [0, 0], cosines: [0.2, 0.6])[1] == 0.8)
    let scores = ConvexFusion.scores(lexical: [3, 6], cosines: [nil, nil], semanticWeight: 0.5)
    #expect(scores == [0.25, 0.5])
    #expect(ConvexFusion.scores(lexical: [], cosines: []).isEmpty)
  }

  @Test("a passage that was never embedded is taken to be as near as the others are on average")
  func missingVector() {
    let scores = ConvexFusion.scores(lexical: [0, 10, 0], cosines: [1, nil, 0])
    #expect(abs(scores[1] - (0.8 * 0.75 + 0.2)) < 1e-12)
  }

  @Test("cosines that are all the least there is do not divide by nothing")
  func opposite() {
    let scores = ConvexFusion.scores(lexical: [1], cosines: [-1], semanticWeight: 0.5)
    #expect(scores == [0.5])
  }
}
