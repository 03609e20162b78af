/// Ranks what searches by words and by meaning have found for one question, in one or several passes.
///
/// A pass is the whole question or, where it has several sentences, one of them. All candidates get a score in each pass,
/// whichever found them.
package struct HybridRanking: Sendable {
  /// What one pass has found.
  package struct Pass: Sendable {
    /// The question's vector.
    package let question: Embedding
    /// The chunks that its words found, best first.
    package let byWords: [ScoredChunk]
    /// The chunks that its meaning found, best first.
    package let byMeaning: [ScoredChunk]
    /// The BM25 scores of further candidates; one that is not there either has none of the words.
    package var otherLexical: [ChunkID: Double]

    /// Makes a pass.
    package init(
      question: Embedding, byWords: [ScoredChunk], byMeaning: [ScoredChunk], otherLexical: [ChunkID: Double] = [:]
    ) {
      self.question = question
      self.byWords = byWords
      self.byMeaning = byMeaning
      self.otherLexical = otherLexical
    }
  }

  /// The whole question, then its parts.
  private let passes: [Pass]
  /// The vectors of the candidates that have one.
  private let vectors: [ChunkID: Embedding]
  private let steps: RetrievalSteps
  /// Sorted, so that sums are always made in the same order.
  private let candidates: [ChunkID]
  /// The BM25 scores of the candidates, in their order, for each pass.
  private let lexical: [[Double]]

  /// Takes what was found; there is at least one pass.
  package init(passes: [Pass], vectors: [ChunkID: Embedding], steps: RetrievalSteps) {
    self.passes = passes
    self.vectors = vectors
    self.steps = steps
    let candidates = Self.candidates(of: passes).sorted()
    self.candidates = candidates
    lexical = passes.map { pass in
      let found = Dictionary(pass.byWords.map { ($0.id, $0.score) }, uniquingKeysWith: { first, _ in first })
      return candidates.map { found[$0] ?? pass.otherLexical[$0] ?? 0 }
    }
  }

  /// All chunks that any pass has found.
  package static func candidates(of passes: [Pass]) -> Set<ChunkID> {
    passes.reduce(into: []) { found, pass in
      found.formUnion(pass.byWords.map(\.id))
      found.formUnion(pass.byMeaning.map(\.id))
    }
  }

  /// The candidates, best first.
  package func ranked() -> [ScoredChunk] {
    switch steps.fusion {
    case .reciprocalRank(let constant):
      return ReciprocalRankFusion.fuse(passes.flatMap { [$0.byWords, $0.byMeaning] }, constant: constant)
    case .convex(let semanticWeight):
      let first = combined(passes.map(\.question), semanticWeight)
      guard let feedback = steps.feedback else { return first }
      let best = first.prefix(feedback.passages).compactMap { vectors[$0.id] }
      return combined(passes.map { feedback.moved($0.question, towards: best) }, semanticWeight)
    }
  }

  /// The scores of the whole question, and with their weight the mean scores of its parts.
  private func combined(_ questions: [Embedding], _ semanticWeight: Double) -> [ScoredChunk] {
    let scores = zip(lexical, questions).map { lexical, question in
      ConvexFusion.scores(
        lexical: lexical, cosines: candidates.map { vectors[$0].map { Double($0.cosine(question)) } },
        semanticWeight: semanticWeight)
    }
    let parts = scores.dropFirst()
    let weight = parts.isEmpty ? 0 : steps.partsWeight
    return candidates.indices.map { index in
      let mean = parts.isEmpty ? 0 : parts.reduce(0) { $0 + $1[index] } / Double(parts.count)
      return ScoredChunk(id: candidates[index], score: (1 - weight) * scores[0][index] + weight * mean)
    }.bestFirst
  }
}

extension [ScoredChunk] {
  /// By score, best first, ties by id, so that the order is always the same.
  package var bestFirst: [ScoredChunk] {
    sorted { $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id }
  }
}
