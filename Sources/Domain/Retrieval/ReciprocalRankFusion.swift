/// Joins rankings by rank alone, so that scores of different scales need no calibration.
///
/// Source: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual rank learning
/// methods", SIGIR 2009; k = 60 is theirs.
package enum ReciprocalRankFusion {
  /// The constant that keeps the first ranks from deciding everything.
  package static let standardConstant = 60.0

  /// Fuses rankings, best first: a chunk scores the sum of `1 / (k + rank)` over the rankings that hold it, with ranks
  /// from 1 and `k` the `constant`. Ties are broken by the better best rank, then by id, so the order is deterministic.
  package static func fuse(_ rankings: [[ScoredChunk]], constant k: Double = standardConstant) -> [ScoredChunk] {
    var scores: [ChunkID: (score: Double, bestRank: Int)] = [:]
    for ranking in rankings {
      for (index, chunk) in ranking.enumerated() {
        let rank = index + 1
        let old = scores[chunk.id] ?? (0, .max)
        scores[chunk.id] = (old.score + 1 / (k + Double(rank)), min(old.bestRank, rank))
      }
    }
    return
      scores
      .sorted { left, right in
        if left.value.score != right.value.score { return left.value.score > right.value.score }
        if left.value.bestRank != right.value.bestRank { return left.value.bestRank < right.value.bestRank }
        return left.key < right.key
      }
      .map { ScoredChunk(id: $0.key, score: $0.value.score) }
  }
}
