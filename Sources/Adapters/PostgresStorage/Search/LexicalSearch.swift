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
      return revisions.isEmpty ? [] : try await ranked { try await candidates(of: revisions, count: $0) }
    }
    let all = CandidateQuery(any: words.bounded(saturation: 1, most: .max))
    if all.postings <= settings.exactPostings { return try await ranked { try await candidates(all, count: $0) } }
    guard let first = try await firstRound() else { return try await ranked { try await candidates(all, count: $0) } }
    let query = secondQuery(reaching: first.threshold)
    if query.essentials <= first.query.singles {
      return try await ranked { try await candidates(first.query, count: $0) }
    }
    return try await ranked(besides: first.found) { try await candidates(query, count: $0) }
  }

  /// Looks for chunks that are likely to be the best, to learn what score the best have.
  ///
  /// - Returns: a score that `limit` chunks have; `nil` when that many cannot be found so.
  private func firstRound() async throws -> (query: CandidateQuery, found: [Candidate], threshold: Double)? {
    let looked = words.bounded(saturation: 1, most: Self.mostExpected)
    let expected = ExpectedMatches(looked.map { ($0.bound, $0.chunkCount) }, of: words.chunkCount)
    var count = Double(limit)
    while count <= Double(words.chunkCount) / 4 {
      let threshold = expected.weight(ofBest: count)
      guard threshold > 0 else { break }
      let query = CandidateQuery(reaching: threshold * (1 - Self.tolerance), with: looked)
      let found = try await candidates(query, count: limit)
      if found.count == limit, let lowest = found.map(\.lowest).min() {
        return (query, found, lowest * (1 - Self.tolerance))
      }
      count *= 8
    }
    return nil
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

  /// The visible chunks that match a query, by the highest score that they can have, ties by id.
  private func candidates(_ query: CandidateQuery, count: Int) async throws -> [Candidate] {
    guard !query.text.isEmpty else { return [] }
    return try await transaction.rows(
      """
      SELECT m.chunk_id, m.highest, m.lowest
      FROM matching_chunks(\(query.text)::tsquery, \(words.vector)::sparsevec, \(words.averageLength))
        WITH ORDINALITY AS m (chunk_id, revision_id, highest, lowest, place)
      \(scope.join(on: "m.revision_id"))
      ORDER BY m.place LIMIT \(count)
      """
    ).map(Candidate.init(row:))
  }

  /// The same of few revisions, all of which are read.
  private func candidates(of revisions: [RevisionID], count: Int) async throws -> [Candidate] {
    try await transaction.rows(
      """
      SELECT c.id AS chunk_id, s.highest, s.lowest
      FROM document_chunks AS c
      CROSS JOIN LATERAL score_range(
        -(c.word_weights <#> \(words.vector)::sparsevec), c.word_count, \(words.averageLength)) AS s
      WHERE c.organization_id = \(scope.organizationID) AND c.revision_id = ANY (\(revisions)) AND s.highest > 0
      ORDER BY s.highest DESC, c.id LIMIT \(count)
      """
    ).map(Candidate.init(row:))
  }

  /// The best by their exact scores: of as many candidates as it takes for no other to be better.
  private func ranked(
    besides others: [Candidate] = [], _ candidates: (Int) async throws -> [Candidate]
  ) async throws -> [ScoredChunk] {
    var count = limit + limit / 8 + 16
    var scores = try await scores(of: others.map(\.id))
    while true {
      let found = try await candidates(count)
      let new = try await self.scores(of: found.map(\.id).filter { scores[$0] == nil })
      scores.merge(new) { first, _ in first }
      let best = scores.lazy.filter { $0.value > 0 }.map { ScoredChunk(id: $0.key, score: $0.value) }
        .sorted { $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id }.prefix(limit)
      guard found.count == count, let last = found.last else { return Array(best) }
      let isComplete = best.count == limit && best.last.map { $0.score > last.highest * (1 + Self.tolerance) } == true
      // Many chunks of the same words in the same number come in the order of their ids: there is no end to wait for.
      if isComplete || count > 32 * limit { return Array(best) }
      count *= 4
    }
  }

  /// The exact scores of chunks; one that has none of the words has 0.
  private func scores(of ids: [ChunkID]) async throws -> [ChunkID: Double] {
    guard !ids.isEmpty else { return [:] }
    var scores: [ChunkID: Double] = [:]
    let rows = try await transaction.rows(
      "SELECT id, word_count, tsvectorsend(words) AS words FROM document_chunks WHERE id = ANY (\(ids))")
    for row in rows {
      guard let frequencies = WordFrequencies(try row.value("words")) else { throw UnreadableValue(column: "words") }
      scores[try row.id("id")] = words.score(frequencies, length: try row.value("word_count"))
    }
    return scores
  }
}

extension Candidate {
  fileprivate init(row: PostgresRow) throws {
    self.init(id: try row.id("chunk_id"), highest: try row.value("highest"), lowest: try row.value("lowest"))
  }
}
