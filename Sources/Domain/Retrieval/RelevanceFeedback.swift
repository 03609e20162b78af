/// Moves a question towards the passages that fit it best, taking for granted that they are right: what they are about
/// besides the question's words helps to tell further passages apart.
///
/// Source: Rocchio, "Relevance feedback in information retrieval", 1971; for vectors of language models Li et al.,
/// "Pseudo Relevance Feedback with Deep Language Models and Dense Retrievers", ACM TOIS 41(3), 2023.
package struct RelevanceFeedback: Hashable, Sendable {
  /// How many of the best passages are taken to be right.
  package let passages: Int
  /// How much their mean counts beside the question, which counts 1.
  package let weight: Double

  /// The standard feedback: it ranks better on three of four collections and no worse on the fourth.
  package static let standard = RelevanceFeedback(passages: 3, weight: 0.4)

  /// Makes a feedback.
  package init(passages: Int, weight: Double) {
    self.passages = passages
    self.weight = weight
  }

  /// The question moved towards the mean of the vectors, and of unit length again; unmoved where there is none.
  package func moved(_ question: Embedding, towards vectors: [Embedding]) -> Embedding {
    let vectors = vectors.filter { $0.values.count == question.values.count }
    guard !vectors.isEmpty, weight > 0 else { return question }
    var values = question.values
    let part = Float(weight) / Float(vectors.count)
    for vector in vectors {
      for index in values.indices { values[index] += part * vector.values[index] }
    }
    let square = values.reduce(0) { $0 + $1 * $1 }
    // Opposite vectors may cancel the question out: then there is no direction to move in.
    guard square > 1e-12 else { return question }
    let length = square.squareRoot()
    return Embedding(values.map { $0 / length })
  }
}
