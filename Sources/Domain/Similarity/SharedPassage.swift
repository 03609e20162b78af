/// The longest run of words that two texts have in common.
package enum SharedPassage {
  /// How many places of one shingle are tried: a phrase that a text repeats a thousand times says little.
  private static let maximumPlaces = 8

  /// Where the run lies in the second text, in UTF-8 bytes from its first word to its last; `nil` for less than
  /// ``ComparedWords/shingleWords`` words.
  ///
  /// The time goes with the lengths of the texts. Where a run begins at a phrase that the second text has at more than 8
  /// places, only the first 8 are tried.
  ///
  /// - Parameter maximumBytes: of what is answered; of a longer run it is the first whole words that fit.
  package static func longest(
    of first: ComparedWords, in second: ComparedWords, maximumBytes: Int = .max
  ) -> Range<Int>? {
    guard min(first.hashes.count, second.hashes.count) >= ComparedWords.shingleWords else { return nil }
    var places: [UInt64: [Int]] = [:]
    for (place, shingle) in second.shingles.enumerated() {
      if places[shingle, default: []].count < maximumPlaces { places[shingle, default: []].append(place) }
    }
    var best = 0..<0
    for (start, shingle) in first.shingles.enumerated() {
      for place in places[shingle] ?? [] {
        // A run that could begin a word earlier has been measured from there.
        if start > 0, place > 0, first.hashes[start - 1] == second.hashes[place - 1] { continue }
        let length = run(first, start, second, place)
        if length > best.count { best = place..<place + length }
      }
    }
    guard best.count >= ComparedWords.shingleWords else { return nil }
    let start = second.ranges[best.lowerBound].lowerBound
    let end = best.last { second.ranges[$0].upperBound - start <= maximumBytes }
    return end.map { start..<second.ranges[$0].upperBound }
  }

  private static func run(_ first: ComparedWords, _ start: Int, _ second: ComparedWords, _ place: Int) -> Int {
    let most = min(first.hashes.count - start, second.hashes.count - place)
    var length = 0
    while length < most, first.hashes[start + length] == second.hashes[place + length] { length += 1 }
    return length
  }
}
