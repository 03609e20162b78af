import FoundationEssentials

/// What is no question to a knowledge base: greetings, thanks, and the prompts by which chat front ends ask any model
/// for a title or for tags of a conversation.
enum SmallTalk {
  private static let greetings: Set<String> = [
    "hi", "hello", "hey", "hi there", "hello there", "hey there", "good morning", "good afternoon", "good evening",
    "hallo", "guten morgen", "guten tag", "bonjour", "hola",
  ]
  private static let thanks: Set<String> = [
    "thanks", "thank you", "thanks a lot", "thank you very much", "many thanks", "danke", "vielen dank", "merci",
    "gracias", "ok thanks", "great thanks",
  ]
  private static let selfQuestions: Set<String> = [
    "help", "who are you", "what are you", "what can you do", "what do you do", "how do you work",
  ]
  private static let introduction =
    "I answer questions with sentences quoted from this knowledge base, each with its source."

  /// The answer, or `nil` when the text is a question like any other.
  static func answer(to text: String) -> String? {
    if let title = titlePrompt(text) { return title }
    let words = text.lowercased().split { !$0.isLetter }.joined(separator: " ")
    if greetings.contains(words) { return "Hello. \(introduction) What would you like to know?" }
    if thanks.contains(words) { return "You are welcome." }
    if selfQuestions.contains(words) { return introduction }
    return nil
  }

  /// The answer to a prompt for a title or for tags, in the JSON that it asks for where it does.
  private static func titlePrompt(_ text: String) -> String? {
    let lowered = text.prefix(4_000).lowercased()
    guard lowered.contains("generate") || lowered.contains("create") || lowered.contains("summarize"),
      lowered.contains("chat history") || lowered.contains("chat_history") || lowered.contains("conversation"),
      let question = firstUserLine(of: text)
    else { return nil }
    if lowered.contains("tags"), lowered.contains("json") {
      var seen: Set<String> = []
      let tags = TermSet.terms(in: question).filter { seen.insert($0).inserted }.prefix(3)
      return json("tags", list: Array(tags))
    }
    guard lowered.contains("title") else { return nil }
    let words = question.split(whereSeparator: \.isWhitespace).prefix(6).joined(separator: " ")
    let title = words.isEmpty ? "New conversation" : words
    return lowered.contains("json") ? json("title", title) : title
  }

  /// The first thing that the user says in a quoted history; `nil` where there is none.
  private static func firstUserLine(of text: String) -> String? {
    for line in text.split(whereSeparator: \.isNewline) {
      for mark in ["USER:", "User:", "user:", "Human:"] where line.hasPrefix(mark) {
        return String(line.dropFirst(mark.count).drop(while: \.isWhitespace).prefix(200))
      }
    }
    return nil
  }

  private static func json<Value: Encodable>(_ key: String, _ value: Value) -> String? {
    // Strings and lists of strings always encode.
    (try? JSONEncoder().encode([key: value])).map { String(decoding: $0, as: UTF8.self) }
  }

  private static func json(_ key: String, list: [String]) -> String? { json(key, list) }
}
