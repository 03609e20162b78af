import Domain
import Foundation

/// How often each stemmed word occurs in a chunk, its title and headings included.
struct WordCounts: Sendable {
  /// The occurrences by stem.
  let counts: [String: Int]
  /// All words.
  let total: Int

  /// Counts what is indexed of a chunk.
  init(title: String, chunk: DocumentChunk) {
    let stems = ([title] + chunk.headings + [chunk.text]).flatMap(SearchWords.stems(in:))
    counts = stems.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    total = stems.count
  }
}

/// The ranking function Okapi BM25.
///
/// Source: Robertson, Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, §3.
enum BM25 {
  static let k1 = 1.2
  static let b = 0.75
  /// What a word that is in more than half of the chunks weighs: it must not count against a chunk.
  static let leastWeight = 1e-6

  /// Scores the chunks that have at least one of the words, in no order.
  static func rank(_ chunks: [(id: ChunkID, words: WordCounts)], by words: [String]) -> [ScoredChunk] {
    guard !chunks.isEmpty else { return [] }
    let average = Double(chunks.reduce(0) { $0 + $1.words.total }) / Double(chunks.count)
    let weights = words.map { word in
      let holders = Double(chunks.count { $0.words.counts[word] != nil })
      return max(log((Double(chunks.count) - holders + 0.5) / (holders + 0.5)), leastWeight)
    }
    return chunks.compactMap { chunk in
      var score = 0.0
      var isHit = false
      for (word, weight) in zip(words, weights) {
        guard let count = chunk.words.counts[word].map(Double.init) else { continue }
        isHit = true
        let length = 1 - b + b * Double(chunk.words.total) / average
        score += weight * count * (k1 + 1) / (count + k1 * length)
      }
      return isHit ? ScoredChunk(id: chunk.id, score: score) : nil
    }
  }
}
