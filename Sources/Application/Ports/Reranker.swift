/// Why passages were not judged anew.
package enum RerankingFailure: Error, Hashable, Sendable {
  /// The model cannot be reached, or answers with what is no judgement.
  case unavailable(String)
  /// The calling task was cancelled.
  case cancelled
}

/// Judges how well passages answer a question by reading both together, which takes longer than comparing vectors and sees
/// more.
package protocol Reranker: Sendable {
  /// A score for each passage, in their order, higher being better; the scale is the model's own.
  func scores(of passages: [String], for question: String) async throws(RerankingFailure) -> [Double]
}
