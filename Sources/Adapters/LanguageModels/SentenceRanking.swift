import Domain

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How well sentences fit a question, by their words.
struct SentenceRanking: Sendable {
  /// A sentence with its score.
  struct Ranked: Sendable {
    let sentence: SourceSentence
    /// BM25, 0 and up.
    let score: Double
    /// Which part of the question's weight its words have, 0 to 1; a word of the title alone counts half.
    let coverage: Double
    /// How many of the question's terms the sentence itself has.
    let matches: Int
  }

  private static let k1 = 1.2
  /// Less than the usual 0.75: sentences differ less in length than documents do.
  private static let b = 0.5
  private static let titleWeight = 0.5
  /// The sources are a few sentences out of many: as if this many more had none of the words, so that with a handful
  /// of sentences a word of all of them still weighs something, and one of none not everything.
  private static let unseenSentences = 20.0

  /// The sentences, best first; those without a word of the question follow in their order.
  ///
  /// BM25 (Robertson, Zaragoza, "The Probabilistic Relevance Framework", 2009, §3) with the sentences as documents.
  static func rank(_ sentences: [SourceSentence], for question: String) -> [Ranked] {
    let wanted = Array(Set(TermSet.terms(in: question)))
    guard !sentences.isEmpty else { return [] }
    let counts = sentences.map { $0.terms.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 } }
    let weights = wanted.map { term -> Double in
      let holders = Double(counts.count { $0[term] != nil })
      return log(1 + (Double(sentences.count) + unseenSentences - holders + 0.5) / (holders + 0.5))
    }
    let whole = weights.reduce(0, +)
    let average = Double(sentences.reduce(0) { $0 + $1.terms.count }) / Double(sentences.count)
    var titles: [String: Set<String>] = [:]
    let ranked = zip(sentences, counts).map { sentence, counts in
      let title = titles[sentence.source.title] ?? Set(TermSet.terms(in: sentence.source.title))
      titles[sentence.source.title] = title
      let length = 1 - b + b * Double(sentence.terms.count) / average
      var (score, covered, matches) = (0.0, 0.0, 0)
      for (term, weight) in zip(wanted, weights) {
        if let count = counts[term].map(Double.init) {
          score += weight * count * (k1 + 1) / (count + k1 * length)
          covered += weight
          matches += 1
        } else if title.contains(term) {
          score += weight * titleWeight
          covered += weight * titleWeight
        }
      }
      return Ranked(sentence: sentence, score: score, coverage: whole > 0 ? covered / whole : 0, matches: matches)
    }
    // Sorting by place too keeps the order of equals, which is that of retrieval.
    return ranked.enumerated()
      .sorted { ($1.element.score, $0.offset) < ($0.element.score, $1.offset) }
      .map(\.element)
  }
}
