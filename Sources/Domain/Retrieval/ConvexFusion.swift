/// Joins a search by words and one by meaning by their scores: each on its own scale from the least that a score can be to
/// the best of this search, and the two added with weights.
///
/// Ranks say nothing of how much better one passage is than the next; scores do. Each candidate needs both scores, also
/// one that only one of the searches found, or else what the other missed by a hair counts as nothing.
///
/// Source: Bruch, Gai, Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 42(1), 2023: the convex
/// combination TM2C2, normalised by the theoretical minimum and the maximum of a search; the weight 0.8 of meaning is
/// theirs and holds across collections.
package enum ConvexFusion {
  /// The weight of meaning; words have the rest.
  package static let standardSemanticWeight = 0.8
  /// The least that a cosine can be.
  private static let leastCosine = -1.0

  /// The scores of candidates, 0 to 1, in their order.
  ///
  /// A candidate without a vector, which was never embedded, is taken to be as near as the others are on average: its
  /// words alone then decide about it.
  ///
  /// - Parameters:
  ///   - lexical: the BM25 scores, at least 0; 0 where a chunk has none of the words.
  ///   - cosines: as many; `nil` where there is no vector.
  ///   - semanticWeight: 0 to 1.
  package static func scores(
    lexical: [Double], cosines: [Double?], semanticWeight: Double = standardSemanticWeight
  ) -> [Double] {
    let bestLexical = lexical.max() ?? 0
    let known = cosines.compactMap(\.self)
    let average = known.isEmpty ? leastCosine : known.reduce(0, +) / Double(known.count)
    let range = (known.max() ?? leastCosine) - leastCosine
    return zip(lexical, cosines).map { words, cosine in
      let words = bestLexical > 0 ? words / bestLexical : 0
      let meaning = range > 0 ? ((cosine ?? average) - leastCosine) / range : 0
      return semanticWeight * meaning + (1 - semanticWeight) * words
    }
  }
}
