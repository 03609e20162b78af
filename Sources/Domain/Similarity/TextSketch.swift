/// A text in 2 KiB at most, from which its similarity to others is estimated without reading it again: the least hashes of
/// its shingles (the bottom-k sketch of A. Z. Broder, "On the resemblance and containment of documents", 1997).
package struct TextSketch: Hashable, Sendable {
  /// How many hashes are kept. The standard error of an estimate is at most 1 / (2 √size), 0.032.
  package static let size = 256

  /// The hashes, ascending, each once.
  package let hashes: [UInt64]

  /// Sketches a text.
  package init(_ words: ComparedWords) {
    var hashes: [UInt64] = []
    for hash in Set(words.shingles).sorted().prefix(Self.size) { hashes.append(hash) }
    self.hashes = hashes
  }

  /// How much the texts are alike, 0 to 1: the share of the least hashes of both together that both have. Exact for texts
  /// that have no more than ``size`` shingles together.
  package func similarity(to other: TextSketch) -> Double {
    guard !hashes.isEmpty, !other.hashes.isEmpty else { return 0 }
    var (mine, theirs, seen, shared) = (0, 0, 0, 0)
    while seen < Self.size, mine < hashes.count || theirs < other.hashes.count {
      let left = mine < hashes.count ? hashes[mine] : .max
      let right = theirs < other.hashes.count ? other.hashes[theirs] : .max
      if left == right { shared += 1 }
      if left <= right { mine += 1 }
      if right <= left { theirs += 1 }
      seen += 1
    }
    return Double(shared) / Double(seen)
  }
}
