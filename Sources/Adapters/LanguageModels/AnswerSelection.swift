import Application
import Domain

/// Picks the sentences that answer a question.
struct AnswerSelection: Sendable {
  /// The most sentences of an answer.
  static let maximumSentences = 4
  /// The most sentences that are embedded for one question. Each costs some 4 to 10 ms of one core, and all of them
  /// come before the first word of the answer.
  static let maximumEmbedded = 8

  /// What the question's words add to a cosine of 0 to 1, when a sentence has all of them.
  static let coverageWeight = 0.35
  /// The least cosine plus weighted coverage of a sentence that is relevant, and the least cosine of one.
  ///
  /// Measured with all-MiniLM-L6-v2: of the best sentences for Cranfield's 225 questions 98 % reach 0.59 and 95 % a
  /// cosine of 0.53; of those for 40 questions about other things two pass 0.43, both with a cosine below 0.38.
  static let minimumScore = 0.43
  static let minimumCosine = 0.38
  /// The coverage from which on a sentence is relevant with a cosine of ``leastCosine`` already: names and numbers
  /// that an embedder does not know.
  static let decisiveCoverage = 0.8
  static let leastCosine = 0.2
  /// Where there are no vectors: the coverage that makes a sentence relevant, and the one that does so with
  /// ``manyMatches`` terms of a long question.
  static let minimumCoverage = 0.5
  static let coverageOfMany = 0.3
  static let manyMatches = 3
  /// The least score of a further sentence, as a part of the best one's.
  static let minimumOfBest = 0.75
  /// The likeness to a picked sentence from which on another says the same again.
  static let maximumLikeness = 0.85
  /// What being like a picked sentence takes off (maximal marginal relevance with λ = 0.7: Carbonell, Goldstein,
  /// SIGIR 1998).
  static let novelty = 0.7

  private struct Candidate {
    let sentence: SourceSentence
    let terms: Set<String>
    let vector: Embedding?
    let score: Double
    let isRelevant: Bool

    /// How much two sentences say the same, 0 to 1: the cosine, or the share of common terms.
    func likeness(to other: Candidate) -> Double {
      if let vector, let otherVector = other.vector { return Double(vector.cosine(otherVector)) }
      return Double(terms.intersection(other.terms).count) / Double(max(terms.union(other.terms).count, 1))
    }
  }

  private let candidates: [Candidate]

  /// Judges sentences by their words alone.
  init(_ ranked: [SentenceRanking.Ranked]) {
    let best = ranked.first?.score ?? 0
    candidates = ranked.prefix(4 * Self.maximumEmbedded).map {
      // Coverage decides; BM25 orders those that cover the same.
      let score = $0.coverage + (best > 0 ? 0.1 * $0.score / best : 0)
      let isRelevant =
        $0.coverage >= Self.minimumCoverage
        || ($0.matches >= Self.manyMatches && $0.coverage >= Self.coverageOfMany)
      return Candidate(
        sentence: $0.sentence, terms: Set($0.sentence.terms), vector: nil, score: score, isRelevant: isRelevant)
    }
  }

  /// Judges the best sentences by meaning too: `vectors` are those of the question and of the first sentences.
  init(_ ranked: [SentenceRanking.Ranked], question: Embedding, vectors: some Sequence<Embedding>) {
    candidates = zip(ranked, vectors).map { ranked, vector in
      let cosine = Double(question.cosine(vector))
      let score = cosine + Self.coverageWeight * ranked.coverage
      let isRelevant =
        (score >= Self.minimumScore && cosine >= Self.minimumCosine)
        || (ranked.coverage >= Self.decisiveCoverage && cosine >= Self.leastCosine)
      return Candidate(
        sentence: ranked.sentence, terms: Set(ranked.sentence.terms), vector: vector, score: score,
        isRelevant: isRelevant)
    }
  }

  /// The sentences of the answer in the order in which they are read: the source with the best one first, and within
  /// a source as they stand there. Empty when nothing is relevant.
  func sentences() -> [SourceSentence] {
    var open = candidates.filter(\.isRelevant).sorted { $0.score > $1.score }
    guard let best = open.first else { return [] }
    var picked = [best]
    open.removeFirst()
    while picked.count < Self.maximumSentences {
      var next: (index: Int, value: Double)?
      for (index, candidate) in open.enumerated() where candidate.score >= Self.minimumOfBest * best.score {
        let likeness = picked.map { candidate.likeness(to: $0) }.max() ?? 0
        guard likeness < Self.maximumLikeness else { continue }
        let value = Self.novelty * candidate.score - (1 - Self.novelty) * likeness
        if next.map({ value > $0.value }) ?? true { next = (index, value) }
      }
      guard let next else { break }
      picked.append(open.remove(at: next.index))
    }
    var order: [Int] = []
    for candidate in picked where !order.contains(candidate.sentence.source.marker) {
      order.append(candidate.sentence.source.marker)
    }
    return order.flatMap { marker in
      picked.map(\.sentence).filter { $0.source.marker == marker }.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }
  }
}
