import Application
import Domain

/// A chunk that may be among the best, with the highest and the lowest score that it can have.
struct Candidate {
  let id: ChunkID
  let highest: Double
  let lowest: Double
}

/// One search by words: the index finds chunks that may be among the best, and BM25 ranks those.
struct LexicalSearch {
  /// Words beyond the rarest so many only rank; looking for them too would cost more than it finds.
  private static let mostLookedFor = 16
  private static let mostExpected = 12
  /// What frequency can make of a word's weight, from the true bound to that of a word that occurs twice, about.
  private static let saturations = [BM25.highestSaturation, 1.8, 1.5]
  /// How much the scores of `matching_chunks`, in single precision, may be off.
  private static let tolerance = 1e-5

  let transaction: PostgresTransaction
  let scope: SearchScope
  let words: QueryWords
  let limit: Int
  let settings: PostgresSearchSettings

  /// The best chunks, best first, ties by id.
  func best() async throws -> [ScoredChunk] {
    if let revisions = try await transaction.fewRevisions(in: scope, chunks: settings.exactScanMaximum) {
      guard !revisions.isEmpty else { return [] }
      return try await ranked { try await candidates(of: revisions, reaching: $0, count: $1) }
    }
    let all = CandidateQuery(any: words.bounded(saturation: 1, most: .max))
    guard all.postings > settings.exactPostings, let first = try await firstRound() else {
      return try await ranked { try await candidates(all, reaching: $0, count: $1) }
    }
    var query = secondQuery(reaching: first.threshold)
    if query.text == first.query.text || query.essentials <= first.query.singles {
      if first.isWhole { return try await ranked(first.found) }
      query = first.query
    }
    return try await ranked(first.found, from: first.threshold) {
      try await candidates(query, reaching: $0, count: $1)
    }
  }

  /// What a first round found.
  private struct FirstRound {
    let query: CandidateQuery
    let found: [Candidate]
    /// A score that `limit` chunks have.
    let threshold: Double
    /// Whether `found` has all that match and can reach the threshold.
    let isWhole: Bool
  }

  /// How many candidates are asked for at first: most often enough to hold all that can be among the best.
  private var count: Int { 4 * limit + 16 }

  /// Looks for chunks that are likely to be the best, to learn what score the best have.
  ///
  /// - Returns: `nil` when as many as are wanted cannot be found so.
  private func firstRound() async throws -> FirstRound? {
    let looked = words.bounded(saturation: 1, most: Self.mostExpected)
    let expected = ExpectedMatches(looked.map { ($0.bound, $0.chunkCount) }, of: words.chunkCount)
    var expectedCount = Double(limit)
    while expectedCount <= Double(words.chunkCount) / 4 {
      let weight = expected.weight(ofBest: expectedCount)
      guard weight > 0 else { break }
      let query = CandidateQuery(reaching: weight * (1 - Self.tolerance), with: looked)
      let found = try await candidates(query, reaching: 0, count: count)
      if let threshold = threshold(of: found) {
        let isWhole = found.count < count || found.last.map { $0.highest < threshold } == true
        return FirstRound(query: query, found: found, threshold: threshold, isWhole: isWhole)
      }
      expectedCount *= 8
    }
    return nil
  }

  /// A score that the best `limit` of some candidates have at least; `nil` when they are fewer.
  private func threshold(of candidates: [Candidate]) -> Double? {
    guard candidates.count >= limit else { return nil }
    return candidates.map(\.lowest).sorted(by: >)[limit - 1] * (1 - Self.tolerance)
  }

  /// The query for all that can reach a score, or where that takes too long, for all that are likely to.
  private func secondQuery(reaching threshold: Double) -> CandidateQuery {
    var query = CandidateQuery(any: [])
    for saturation in Self.saturations {
      query = CandidateQuery(
        reaching: threshold, with: words.bounded(saturation: saturation, most: Self.mostLookedFor))
      if query.postings <= settings.exactPostings { break }
    }
    return query
  }

  /// The visible chunks that match a query and can reach a score, by the highest that they can have, ties by id.
  private func candidates(_ query: CandidateQuery, reaching least: Double, count: Int) async throws -> [Candidate] {
    guard !query.text.isEmpty else { return [] }
    return try await transaction.rows(
      """
      SELECT m.chunk_id, m.highest, m.lowest
      FROM matching_chunks(\(query.text)::tsquery, \(words.vector)::sparsevec, \(words.averageLength), \(least))
        WITH ORDINALITY AS m (chunk_id, revision_id, highest, lowest, place)
      \(scope.join(on: "m.revision_id"))
      ORDER BY m.place LIMIT \(count)
      """
    ).map(Candidate.init(row:))
  }

  /// The same of few revisions, all of which are read.
  private func candidates(
    of revisions: [RevisionID], reaching least: Double, count: Int
  ) async throws -> [Candidate] {
    try await transaction.rows(
      """
      SELECT c.id AS chunk_id, s.highest, s.lowest
      FROM document_chunks AS c
      CROSS JOIN LATERAL score_range(
        -(c.word_weights <#> \(words.vector)::sparsevec), c.word_count, \(words.averageLength)) AS s
      WHERE c.organization_id = \(scope.organizationID) AND c.revision_id = ANY (\(revisions))
        AND s.highest > 0 AND s.highest >= \(least)
      ORDER BY s.highest DESC, c.id LIMIT \(count)
      """
    ).map(Candidate.init(row:))
  }

  /// The best by their exact scores: of as many candidates as it takes for no other to be better.
  ///
  /// - Parameters:
  ///   - others: candidates that are known.
  ///   - least: a score that `limit` chunks have.
  ///   - candidates: gives those that can reach a score, so many at the most.
  private func ranked(
    _ others: [Candidate] = [], from least: Double = 0, _ candidates: (Double, Int) async throws -> [Candidate]
  ) async throws -> [ScoredChunk] {
    var (least, count) = (least, count)
    while true {
      let found = try await candidates(least, count)
      let new = Set(found.map(\.id))
      let known = found + others.filter { !new.contains($0.id) }
      least = max(least, threshold(of: known) ?? 0)
      let isComplete = found.count < count || found.last.map { $0.highest < least } == true
      // Many chunks of the same words in the same number come in the order of their ids: there is no end to wait for.
      if isComplete || count > 32 * limit { return try await ranked(known.filter { $0.highest >= least }) }
      count *= 4
    }
  }

  /// The best of some chunks by their exact scores.
  private func ranked(_ candidates: [Candidate]) async throws -> [ScoredChunk] {
    let scores = try await transaction.scores(of: candidates.map(\.id), by: words)
    return Array(scores.map { ScoredChunk(id: $0.key, score: $0.value) }.bestFirst.prefix(limit))
  }
}

extension PostgresTransaction {
  /// The exact scores of the tenant's chunks that have at least one of the words.
  func scores(of ids: [ChunkID], by words: QueryWords) async throws -> [ChunkID: Double] {
    guard !ids.isEmpty else { return [:] }
    var scores: [ChunkID: Double] = [:]
    let rows = try await rows(
      "SELECT id, word_count, tsvectorsend(words) AS words FROM document_chunks WHERE id = ANY (\(ids))")
    for row in rows {
      guard let frequencies = WordFrequencies(try row.value("words")) else { throw UnreadableValue(column: "words") }
      let score = words.score(frequencies, length: try row.value("word_count"))
      if score > 0 { scores[try row.id("id")] = score }
    }
    return scores
  }
}

extension Candidate {
  fileprivate init(row: PostgresRow) throws {
    self.init(id: try row.id("chunk_id"), highest: try row.value("highest"), lowest: try row.value("lowest"))
  }
}
