/// Which steps a hybrid search takes beyond its two searches. Each can be switched off and measured by itself.
package struct RetrievalSteps: Hashable, Sendable {
  /// How the rankings by words and by meaning become one.
  package enum Fusion: Hashable, Sendable {
    /// By ranks; see ``ReciprocalRankFusion``.
    case reciprocalRank(constant: Double)
    /// By scores; see ``ConvexFusion``.
    case convex(semanticWeight: Double)
  }

  /// How the rankings become one.
  package var fusion = Fusion.convex(semanticWeight: ConvexFusion.standardSemanticWeight)
  /// How the best passages move the question, with convex fusion; `nil` leaves it where it is.
  package var feedback: RelevanceFeedback? = .standard
  /// How many sentences of a question are searched for by themselves, beside the whole; 0 for none.
  package var maximumParts = 6
  /// What the sentences count together, 0 to 1; the whole question counts the rest.
  package var partsWeight = 0.35
  /// What relevance weighs against being unlike the passages before, 0 to 1; 1 for relevance alone. See
  /// ``MaximalMarginalRelevance``.
  package var diversity = 1.0

  /// The standard steps.
  package init() {}

  /// No step but a fusion.
  package static func only(_ fusion: Fusion) -> Self {
    var steps = Self()
    steps.fusion = fusion
    steps.feedback = nil
    steps.maximumParts = 0
    return steps
  }
}
