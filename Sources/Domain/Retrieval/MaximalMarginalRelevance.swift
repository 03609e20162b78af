/// Chooses passages one after the other, each by its score and against its likeness to those chosen before, so that the
/// first ones do not all say the same.
///
/// Source: Carbonell, Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
/// Summaries", SIGIR 1998.
package enum MaximalMarginalRelevance {
  /// Orders the best `count` anew; the others follow in their order, below them.
  ///
  /// - Parameters:
  ///   - ranking: best first; among those that are ordered, scores count from 0 for the least to 1 for the best.
  ///   - vectors: of unit length, by chunk; a chunk without one is like no other.
  ///   - relevance: what the score weighs, 0 to 1; likeness weighs the rest. 1 changes nothing.
  /// - Returns: the chunks with the scores that they had, in their new order.
  package static func order(
    _ ranking: [ScoredChunk], vectors: [ChunkID: Embedding], relevance: Double, count: Int
  ) -> [ScoredChunk] {
    var rest = Array(ranking.prefix(count))
    guard relevance < 1, let best = rest.first?.score, let least = rest.last?.score, best > least else {
      return ranking
    }
    let range = best - least
    // The likeness to the most alike of those chosen, kept up to date as each is chosen.
    var likeness = [Double](repeating: 0, count: rest.count)
    var chosen: [ScoredChunk] = []
    chosen.reserveCapacity(ranking.count)
    while !rest.isEmpty {
      var next = 0
      var nextValue = -Double.infinity
      for index in rest.indices {
        let value = relevance * (rest[index].score - least) / range - (1 - relevance) * likeness[index]
        if value > nextValue { (next, nextValue) = (index, value) }
      }
      let taken = rest.remove(at: next)
      likeness.remove(at: next)
      chosen.append(taken)
      guard let vector = vectors[taken.id] else { continue }
      for index in rest.indices {
        guard let other = vectors[rest[index].id] else { continue }
        likeness[index] = max(likeness[index], Double(vector.cosine(other)))
      }
    }
    return chosen + ranking.dropFirst(count)
  }
}
