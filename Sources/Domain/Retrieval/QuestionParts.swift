/// Takes a question of several sentences apart. One vector for all of it lies between what it asks for; a sentence by
/// itself finds what the others drown out.
package enum QuestionParts {
  /// Shorter sentences say too little by themselves.
  static let leastWords = 3

  /// The sentences, the first `maximum`, or none where there are fewer than two.
  package static func of(_ question: String, maximum: Int) -> [String] {
    guard maximum > 0 else { return [] }
    let bytes = Array(question.utf8)
    let sentences = SentenceSplitter.ranges(in: question).map {
      String(decoding: bytes[$0], as: UTF8.self).trimmingWhitespace()
    }.filter { $0.split(whereSeparator: \.isWhitespace).count >= leastWords }
    return sentences.count < 2 ? [] : Array(sentences.prefix(maximum))
  }
}
