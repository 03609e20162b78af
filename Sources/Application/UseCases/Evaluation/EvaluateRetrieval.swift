package import Domain

/// Measures how well searches find what judges found relevant.
package struct EvaluateRetrieval: Sendable {
  /// A question with its judgements.
  package struct Topic: Sendable {
    /// The question's id in the collection.
    package let id: String
    /// Its words.
    package let text: String
    /// The questions asked before it in the same conversation, oldest first.
    package let history: [String]
    /// What the asker has said about themselves.
    package let memories: [String]
    /// The gain of each relevant document, by the document's source.
    package let judgements: [String: Double]

    /// Makes a topic.
    package init(
      id: String, text: String, history: [String] = [], memories: [String] = [], judgements: [String: Double]
    ) {
      self.memories = memories
      self.id = id
      self.text = text
      self.history = history
      self.judgements = judgements
    }
  }

  /// How a search did for one topic.
  package struct Outcome: Hashable, Sendable {
    /// The topic's id.
    package let topic: String
    /// Normalised discounted cumulative gain over 10 documents, 0 to 1.
    package let ndcg10: Double
    /// The part of the relevant documents among the first 10.
    package let recall10: Double
    /// The same among the first 100.
    package let recall100: Double
    /// One over the rank of the first relevant document; 0 when there is none among 100.
    package let reciprocalRank: Double
    /// How long a search for ``SearchKnowledge/Query/defaultHits`` passages took, in seconds.
    package let seconds: Double
  }

  /// How many documents a ranking is read to.
  package static let depth = 100

  let search: SearchKnowledge
  let clock = ContinuousClock()

  /// The same with other steps of a hybrid search.
  package func with(_ steps: RetrievalSteps) -> Self {
    var settings = search.settings
    settings.steps = steps
    return Self(
      search: SearchKnowledge(
        index: search.index, embedder: search.embedder, reranker: search.reranker, settings: settings))
  }

  /// Searches in a mode for every topic that has a judgement; a document ranks by its best passage.
  ///
  /// - Parameter sources: the sources of each document, by id; several have the same text.
  package func callAsFunction(
    _ topics: [Topic], mode: SearchMode, sources: [DocumentID: [String]], _ caller: Principal
  ) async throws(UseCaseFailure) -> [Outcome] {
    var outcomes: [Outcome] = []
    for topic in topics where !topic.judgements.isEmpty {
      let query = SearchKnowledge.Query(text: topic.text, mode: mode, history: topic.history, memories: topic.memories)
      let start = clock.now
      _ = try await search(query, caller)
      let seconds = (clock.now - start) / .seconds(1)
      let ranking = try await documents(for: query, sources, caller)
      outcomes.append(
        Outcome(
          topic: topic.id, ndcg10: RankingMetrics.ndcg(ranking, judgements: topic.judgements, depth: 10),
          recall10: RankingMetrics.recall(ranking, judgements: topic.judgements, depth: 10),
          recall100: RankingMetrics.recall(ranking, judgements: topic.judgements, depth: Self.depth),
          reciprocalRank: RankingMetrics.reciprocalRank(ranking, judgements: topic.judgements), seconds: seconds))
    }
    return outcomes
  }

  /// The sources of the best documents, ``depth`` of them where there are as many; it takes more passages than documents.
  private func documents(
    for query: SearchKnowledge.Query, _ sources: [DocumentID: [String]], _ caller: Principal
  ) async throws(UseCaseFailure) -> [String] {
    var passages = Self.depth
    while true {
      let hits = try await search.hits(query, depth: passages, caller)
      var seen: Set<DocumentID> = []
      let found = hits.filter { seen.insert($0.passage.documentID).inserted }
        .flatMap { sources[$0.passage.documentID] ?? [] }
      let isAll = hits.count < passages || passages >= SearchKnowledge.Settings.maximumDepth
      if found.count >= Self.depth || isAll { return Array(found.prefix(Self.depth)) }
      passages = min(2 * passages, SearchKnowledge.Settings.maximumDepth)
    }
  }
}
