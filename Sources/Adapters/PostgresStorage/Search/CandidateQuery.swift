/// A word of a query with what it can add to a chunk's score.
struct BoundedWord {
  /// Quoted for a `tsquery`.
  let lexeme: String
  /// The most that it adds.
  let bound: Double
  /// How many chunks have it.
  let chunkCount: Int
}

/// A `tsquery` for all chunks whose words can reach a score together, and few others.
///
/// MaxScore (Turtle, Flood, "Query evaluation: strategies and optimizations", 1995) for an index that answers Boolean
/// queries: words so common that they cannot reach the score together need not be looked for. What remains is either
/// one word that is enough by itself, or at least two: the rarest that a chunk has, and one that makes up for the rest.
struct CandidateQuery {
  /// The text of the `tsquery`; empty when no chunk can reach the score.
  let text: String
  /// How many of the words, from the rarest on, are enough by themselves.
  let singles: Int
  /// How many of the words, from the rarest on, a chunk must have at least one of.
  let essentials: Int
  /// The entries of the index that are read from end to end.
  let postings: Int

  /// The query for a score.
  ///
  /// - Parameter words: rarest first, so that their bounds descend.
  init(reaching threshold: Double, with words: [BoundedWord]) {
    var sums = words.map(\.bound) + [0]
    for index in words.indices.reversed() { sums[index] += sums[index + 1] }
    let singles = words.prefix { $0.bound >= threshold }.count
    let essentials = max(sums.dropLast().prefix { $0 >= threshold }.count, singles)
    var pairs = Pairs(words: words, sums: sums, threshold: threshold)
    pairs.add(from: singles, to: essentials - 1)
    text = (words.prefix(singles).map(\.lexeme) + pairs.clauses).joined(separator: " | ")
    self.singles = singles
    self.essentials = essentials
    postings = words.prefix(essentials).reduce(0) { $0 + $1.chunkCount }
  }

  /// The query for chunks with any of the words.
  init(any words: [BoundedWord]) { self.init(reaching: -1, with: words) }
}

/// The clauses for chunks with at least two of the words.
///
/// Written pair by pair they would grow with the square of the words, and with them the work for each entry of the
/// index; halving the words needs n log n.
private struct Pairs {
  let words: [BoundedWord]
  /// The bounds from each word on together.
  let sums: [Double]
  let threshold: Double
  private(set) var clauses: [String] = []

  init(words: [BoundedWord], sums: [Double], threshold: Double) {
    self.words = words
    self.sums = sums
    self.threshold = threshold
  }

  /// Pairs whose rarer word is one of these, and whose other can make up for the rest.
  mutating func add(from first: Int, to last: Int) {
    guard first <= last else { return }
    let partner = lastPartner(of: first)
    guard first < last else {
      add(first...first, with: partner)
      return
    }
    let middle = (first + last) / 2
    // The rarest has the most partners: for the others of its half that is more than there need be.
    add(first...middle, with: partner)
    addAll(from: first, to: middle)
    add(from: middle + 1, to: last)
  }

  /// All pairs of these.
  private mutating func addAll(from first: Int, to last: Int) {
    guard first < last else { return }
    let middle = (first + last) / 2
    add(first...middle, with: last)
    addAll(from: first, to: middle)
    addAll(from: middle + 1, to: last)
  }

  /// Each of these with each one after them, up to `last`.
  private mutating func add(_ range: ClosedRange<Int>, with last: Int) {
    guard last > range.upperBound else { return }
    clauses.append("\(group(range)) & \(group((range.upperBound + 1)...last))")
  }

  private func group(_ range: ClosedRange<Int>) -> String {
    "(" + words[range].map(\.lexeme).joined(separator: " | ") + ")"
  }

  /// The most common word that, with all that are more common, can make up for what a word lacks.
  private func lastPartner(of index: Int) -> Int {
    let missing = threshold - words[index].bound
    return words.indices.last { $0 > index && sums[$0] >= missing } ?? index
  }
}
