import JSONValues

/// Reads the arguments of a tool by their names, and refuses those that it does not take.
struct MCPArguments {
  /// An argument that breaks a rule: told in the tool's result, so that the model that made it can mend it.
  struct Violation: Error {
    let message: String
  }

  private let values: [String: JSONValue]
  private var known: Set<String> = []

  /// Takes a call's arguments.
  init(_ values: [String: JSONValue]) { self.values = values }

  /// A text that must be there.
  mutating func text(_ name: String) throws(Violation) -> String {
    guard let text = try optionalText(name) else { throw Violation(message: "\(name) is missing") }
    return text
  }

  /// A text that may be there.
  mutating func optionalText(_ name: String) throws(Violation) -> String? {
    guard let value = take(name) else { return nil }
    guard let text = value.string else { throw Violation(message: "\(name) must be a string") }
    return text
  }

  /// A list of texts that may be there.
  mutating func texts(_ name: String) throws(Violation) -> [String]? {
    guard let value = take(name) else { return nil }
    guard case .array(let items) = value else { throw Violation(message: "\(name) must be a list of strings") }
    let texts = items.compactMap(\.string)
    guard texts.count == items.count else { throw Violation(message: "\(name) must be a list of strings") }
    return texts
  }

  /// A whole number that may be there.
  mutating func number(_ name: String, in range: ClosedRange<Int>) throws(Violation) -> Int? {
    guard let value = take(name) else { return nil }
    guard case .integer(let number) = value, range.contains(number) else {
      throw Violation(message: "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// One of some words, which may be there.
  mutating func choice(_ name: String, of words: [String]) throws(Violation) -> String? {
    guard let word = try optionalText(name) else { return nil }
    guard words.contains(word) else {
      throw Violation(message: "\(name) must be \(words.joined(separator: ", ")), or left out")
    }
    return word
  }

  /// Refuses what nothing has asked for.
  func refuseOthers() throws(Violation) {
    if let other = Set(values.keys).subtracting(known).min() {
      throw Violation(
        message: "there is no argument \(other.prefix(100)): those are \(known.sorted().joined(separator: ", "))")
    }
  }

  /// `null` is an argument that is not there.
  private mutating func take(_ name: String) -> JSONValue? {
    known.insert(name)
    return values[name].flatMap { $0 == .null ? nil : $0 }
  }
}
