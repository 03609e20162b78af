/// Makes a question that refers to what was asked before one that can be searched for by itself.
///
/// "Can I carry them over?" finds nothing without "How many days of leave do I have?". A language model could write the
/// question anew; this does without one, takes no time, and is the same each time: a question that refers back gets those
/// that it refers to put before it. The search then takes the sentences apart again; see ``QuestionParts``.
package enum FollowUpQuestion {
  /// How many earlier questions are put before one at most.
  static let maximumQuestions = 3
  /// With so few words that say something, a question hardly stands alone.
  static let fewWords = 2

  /// Words that stand for something else.
  private static let references: Set<String> = [
    "it", "its", "itself", "they", "them", "their", "theirs", "he", "him", "his", "she", "her", "hers", "this", "that",
    "these", "those", "one", "ones", "same", "such", "former", "latter", "previous", "above", "else", "another",
    "other",
    "others", "more", "then", "there",
  ]
  /// What a question begins with that goes on from another.
  private static let continuations: Set<String> = ["and", "but", "or", "so", "also", "then", "why", "otherwise"]
  private static let continuationPairs: Set<String> = ["what about", "how about", "what if", "how so", "why not"]

  /// Whether a question needs what was asked before to be understood.
  package static func refersBack(_ question: String) -> Bool {
    let words = question.lowercased().split { !($0.isLetter || $0.isNumber || $0 == "'") }.map(String.init)
    guard let first = words.first else { return false }
    if words.contains(where: { references.contains($0) }) { return true }
    if continuations.contains(first) || continuationPairs.contains(words.prefix(2).joined(separator: " ")) {
      return true
    }
    return words.count { !FunctionWords.english.contains($0) } <= fewWords
  }

  /// The question, with those before it that it refers to.
  ///
  /// - Parameters:
  ///   - history: the earlier questions, oldest first.
  ///   - maximumLength: in characters; earlier questions that would make it longer are left out.
  package static func standalone(_ question: String, after history: [String], maximumLength: Int) -> String {
    var sentences = [question]
    var length = question.count
    var first = question
    for earlier in history.reversed().prefix(maximumQuestions) where refersBack(first) {
      let sentence = ended(earlier.trimmingWhitespace())
      guard !sentence.isEmpty, length + sentence.count + 1 <= maximumLength else { break }
      sentences.insert(sentence, at: 0)
      length += sentence.count + 1
      first = earlier
    }
    return sentences.joined(separator: " ")
  }

  /// With a mark at its end, so that it stays a sentence of its own.
  private static func ended(_ text: String) -> String {
    guard let last = text.last, !last.isPunctuation else { return text }
    return text + "?"
  }
}
