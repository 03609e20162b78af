#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The ranking function Okapi BM25.
///
/// Source: Robertson, Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, §3.
enum BM25 {
  static let k1 = 1.2
  static let b = 0.75
  /// What a word that is in more than half of the chunks weighs: it must not count against a chunk.
  static let leastWeight = 1e-6
  /// The most that frequency can make of a word's weight.
  static let highestSaturation = k1 + 1
  /// The average length of a chunk, in words, that the stored weights are made for; `matching_chunks` knows it too.
  static let referenceLength = 128.0

  /// What a word weighs that is in `holders` of so many chunks.
  static func weight(holders: Int, of chunks: Int) -> Double {
    max(log((Double(chunks) - Double(holders) + 0.5) / (Double(holders) + 0.5)), leastWeight)
  }

  /// What a word that weighs so much adds to the score of a chunk of a length where it occurs so many times.
  static func score(weight: Double, count: Int, length: Int, average: Double) -> Double {
    let relative = 1 - b + b * Double(length) / average
    return weight * Double(count) * (k1 + 1) / (Double(count) + k1 * relative)
  }
}
