/// The number of insertions, deletions, substitutions and swaps of neighbours that turn one text into the other
/// (optimal string alignment), letter case ignored.
func editDistance(_ left: String, _ right: String) -> Int {
  let left = Array(left.lowercased())
  let right = Array(right.lowercased())
  guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
  var beforeLast: [Int] = []
  var last = Array(0...right.count)
  for i in 1...left.count {
    var row = [i]
    for j in 1...right.count {
      let substitution = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
      var best = min(last[j] + 1, row[j - 1] + 1, substitution)
      if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
        best = min(best, beforeLast[j - 2] + 1)
      }
      row.append(best)
    }
    (beforeLast, last) = (last, row)
  }
  return last[right.count]
}

/// The most similar of the candidates, when it is similar enough to be meant: the last part of a dotted key counts
/// alone as well, so that `level` finds `log.level`.
func nearest(to key: String, among candidates: some Sequence<String>) -> String? {
  func distance(_ candidate: String) -> Int {
    let lastPart = candidate.split(separator: ".").last.map(String.init) ?? candidate
    let keyPart = key.split(separator: ".").last.map(String.init) ?? key
    let isBelow = candidate.lowercased().hasPrefix(key.lowercased() + ".")
    return min(editDistance(key, candidate), editDistance(keyPart, lastPart) + 1, isBelow ? 1 : .max)
  }
  // Of those that are equally near, the one whose whole text is, but for those below the key.
  let best = candidates.map { ($0, distance($0), $0.hasPrefix(key + ".") ? 0 : editDistance(key, $0)) }
    .min { ($0.1, $0.2, $0.0) < ($1.1, $1.2, $1.0) }
  guard let best, best.1 <= max(2, key.count / 3) else { return nil }
  return best.0
}
