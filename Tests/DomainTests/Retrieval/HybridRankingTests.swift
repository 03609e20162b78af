import Domain
import FoundationEssentials
import Testing

@Suite("Hybrid ranking")
struct HybridRankingTests {
  let ids = (0..<4).map { _ in ChunkID(UUID()) }.sorted()

  func scored(_ entries: (Int, Double)...) -> [ScoredChunk] {
    entries.map { ScoredChunk(id: ids[$0.0], score: $0.1) }
  }

  func vectors(_ values: [[Float]]) -> [ChunkID: Embedding] {
    Dictionary(uniqueKeysWithValues: zip(ids, values.map { Embedding($0) }))
  }

  func steps(
    feedback: RelevanceFeedback? = nil, partsWeight: Double = 0.5
  ) -> RetrievalSteps {
    var steps = RetrievalSteps.only(.convex(semanticWeight: 0.5))
    steps.feedback = feedback
    steps.partsWeight = partsWeight
    return steps
  }

  @Test("a chunk that only one search found has its score in the other as well")
  func completeScores() {
    let pass = HybridRanking.Pass(
      question: Embedding([1, 0]), byWords: scored((0, 10)), byMeaning: scored((1, 1)), otherLexical: [ids[1]: 9])
    let ranked = HybridRanking(passes: [pass], vectors: vectors([[0.6, 0.8], [1, 0]]), steps: steps()).ranked()
    // Of words 10 and 9, of meaning 0.6 and 1.
    #expect(ranked.map(\.id) == [ids[1], ids[0]])
    #expect(abs(ranked[0].score - (0.5 + 0.5 * 0.9)) < 1e-6)
    #expect(abs(ranked[1].score - (0.5 * 0.8 + 0.5)) < 1e-6)
  }

  @Test("reciprocal rank fusion takes the rankings of all passes")
  func ranks() {
    let passes = [
      HybridRanking.Pass(question: Embedding([1, 0]), byWords: scored((0, 2), (1, 1)), byMeaning: scored((1, 1))),
      HybridRanking.Pass(question: Embedding([0, 1]), byWords: scored((2, 1)), byMeaning: scored((1, 1))),
    ]
    let ranked = HybridRanking(
      passes: passes, vectors: [:], steps: .only(.reciprocalRank(constant: 60))
    ).ranked()
    #expect(ranked.map(\.id) == [ids[1], ids[0], ids[2]])
    #expect(ranked[0].score == 1 / 62.0 + 1 / 61.0 + 1 / 61.0)
  }

  @Test("the best passage draws those like it up")
  func feedback() {
    let pass = HybridRanking.Pass(
      question: Embedding([1, 0, 0]), byWords: [], byMeaning: scored((0, 0.9), (1, 0.5), (2, 0.5)))
    let near: [[Float]] = [[0.9, 0.436, 0], [0.5, 0, 0.866], [0.49, 0.872, 0]]
    let plain = HybridRanking(passes: [pass], vectors: vectors(near), steps: steps()).ranked()
    #expect(plain.map(\.id) == [ids[0], ids[1], ids[2]])
    let moved = HybridRanking(
      passes: [pass], vectors: vectors(near), steps: steps(feedback: RelevanceFeedback(passages: 1, weight: 0.5))
    ).ranked()
    #expect(moved.map(\.id) == [ids[0], ids[2], ids[1]])
  }

  @Test("the parts of a question count as much as their weight says")
  func parts() {
    let whole = HybridRanking.Pass(question: Embedding([1, 0]), byWords: scored((0, 4), (1, 2)), byMeaning: [])
    let part = HybridRanking.Pass(question: Embedding([1, 0]), byWords: scored((1, 4)), byMeaning: [])
    func best(_ weight: Double) -> ChunkID? {
      HybridRanking(passes: [whole, part], vectors: [:], steps: steps(partsWeight: weight)).ranked().first?.id
    }
    #expect(best(0) == ids[0])
    #expect(best(0.9) == ids[1])
  }
}

@Suite("Relevance feedback")
struct RelevanceFeedbackTests {
  @Test("the question moves towards the mean and stays of unit length")
  func moves() {
    let moved = RelevanceFeedback(passages: 2, weight: 1)
      .moved(Embedding([1, 0]), towards: [Embedding([0, 1]), Embedding([0, 1])])
    #expect(zip(moved.values, [Float(0.5).squareRoot(), Float(0.5).squareRoot()]).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test("nothing to go by, other widths and a question that cancels out leave it where it is")
  func stays() {
    let question = Embedding([1, 0])
    let feedback = RelevanceFeedback(passages: 1, weight: 1)
    #expect(feedback.moved(question, towards: []) == question)
    #expect(feedback.moved(question, towards: [Embedding([1, 0, 0])]) == question)
    #expect(feedback.moved(question, towards: [Embedding([-1, 0])]) == question)
  }
}

@Suite("Maximal marginal relevance")
struct MaximalMarginalRelevanceTests {
  let ids = (0..<4).map { _ in ChunkID(UUID()) }.sorted()

  @Test("a passage that says the same as a better one comes behind one that does not")
  func diversity() {
    let ranking = zip(ids, [1, 0.95, 0.7, 0]).map { ScoredChunk(id: $0, score: $1) }
    let vectors = Dictionary(
      uniqueKeysWithValues: zip(ids, [[1, 0], [1, 0], [0, 1], [0, -1]].map { Embedding($0) }))
    func order(_ relevance: Double, count: Int = 4) -> [ChunkID] {
      MaximalMarginalRelevance.order(ranking, vectors: vectors, relevance: relevance, count: count).map(\.id)
    }
    #expect(order(1) == ids)
    #expect(order(0.7) == [ids[0], ids[2], ids[1], ids[3]])
    // Beyond the count nothing moves.
    #expect(order(0.7, count: 2) == ids)
    #expect(order(0.7, count: 0) == ids)
  }

  @Test("all passages come out once, whatever their vectors")
  func complete() {
    var generator = SystemRandomNumberGenerator()
    let ranking = ids.map { ScoredChunk(id: $0, score: Double.random(in: 0...1, using: &generator)) }.bestFirst
    let order = MaximalMarginalRelevance.order(ranking, vectors: [:], relevance: 0.3, count: 10)
    #expect(Set(order) == Set(ranking) && order.count == ranking.count)
  }
}
