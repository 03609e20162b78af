package import Domain

/// Measures how well each search mode finds what judges found relevant.
package struct EvaluateRetrieval: Sendable {
  /// A question with its judgements.
  package struct Topic: Sendable {
    /// The question's id in the collection.
    package let id: String
    /// Its words.
    package let text: String
    /// The gain of each relevant document, by the document's source.
    package let judgements: [String: Double]

    /// Makes a topic.
    package init(id: String, text: String, judgements: [String: Double]) {
      self.id = id
      self.text = text
      self.judgements = judgements
    }
  }

  /// The means over all topics that have a judgement.
  package struct Score: Hashable, Sendable {
    /// The mode.
    package let mode: SearchMode
    /// Normalised discounted cumulative gain over 10 documents, 0 to 1.
    package let ndcg10: Double
    /// The part of the relevant documents among the first 10, and the first 100.
    package let recall10: Double
    /// The same over 100 documents.
    package let recall100: Double
    /// Median time of one search, in seconds.
    package let medianSeconds: Double
    /// The time that 95 % of the searches stay within, in seconds.
    package let p95Seconds: Double
    /// How many topics were judged.
    package let topics: Int
  }

  let search: SearchKnowledge

  /// Searches every topic in a mode; a document ranks by its best chunk.
  ///
  /// - Parameter sources: the source of each document, by id.
  package func callAsFunction(
    _ topics: [Topic], mode: SearchMode, sources: [DocumentID: String], _ caller: Principal
  ) async throws(UseCaseFailure) -> Score {
    var (ndcg10, recall10, recall100) = (0.0, 0.0, 0.0)
    var seconds: [Double] = []
    let judged = topics.filter { !$0.judgements.isEmpty }
    let clock = ContinuousClock()
    for topic in judged {
      let query = SearchKnowledge.Query(text: topic.text, mode: mode, limit: SearchKnowledge.Query.maximumHits)
      let start = clock.now
      let hits = try await search(query, caller)
      seconds.append((clock.now - start) / .seconds(1))
      var seen: Set<DocumentID> = []
      let ranking = hits.compactMap { hit -> String? in
        seen.insert(hit.passage.documentID).inserted ? sources[hit.passage.documentID] : nil
      }
      ndcg10 += RankingMetrics.ndcg(ranking, judgements: topic.judgements, depth: 10)
      recall10 += RankingMetrics.recall(ranking, judgements: topic.judgements, depth: 10)
      recall100 += RankingMetrics.recall(ranking, judgements: topic.judgements, depth: 100)
    }
    let count = Double(max(judged.count, 1))
    return Score(
      mode: mode, ndcg10: ndcg10 / count, recall10: recall10 / count, recall100: recall100 / count,
      medianSeconds: RankingMetrics.percentile(seconds, 0.5) ?? 0,
      p95Seconds: RankingMetrics.percentile(seconds, 0.95) ?? 0, topics: judged.count)
  }
}
