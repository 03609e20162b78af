/// Finds which of a user's memories a question needs: "How many days of leave do I get?" is another question for an intern.
package enum AskerContext {
  /// How many memories a question takes at most.
  static let maximumMemories = 2

  /// Words by which askers speak of themselves or of where they are.
  private static let selfReferences: Set<String> = [
    "i", "i'm", "i've", "i'd", "i'll", "me", "my", "mine", "myself", "we", "we're", "we've", "us", "our", "ours",
    "ourselves", "here",
  ]

  /// Whether a question speaks of the one who asks it.
  package static func speaksOfAsker(_ question: String) -> Bool {
    question.lowercased().replacing("’", with: "'").split { !($0.isLetter || $0.isNumber || $0 == "'") }
      .contains { selfReferences.contains(String($0)) }
  }

  /// The question once more for each memory that it may need, with that memory before it; none for a question that does
  /// not speak of the asker.
  ///
  /// The memories with most words in common with the question come first, then the newest.
  ///
  /// - Parameter memories: the newest first.
  package static func expansions(of question: String, by memories: [String]) -> [String] {
    guard !memories.isEmpty, speaksOfAsker(question) else { return [] }
    let words = Set(FunctionWords.removed(from: SearchWords.ofQuery(question))).subtracting(selfReferences)
    let ranked = memories.enumerated().map { index, memory in
      (memory, common: Set(SearchWords.ofQuery(memory)).intersection(words).count, index)
    }.sorted { $0.common != $1.common ? $0.common > $1.common : $0.2 < $1.2 }
    return ranked.prefix(maximumMemories).map { "\($0.0) \(question)" }
  }
}
