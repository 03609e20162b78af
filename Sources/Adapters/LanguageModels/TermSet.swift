import Domain

/// The words of a text that carry meaning, each in a form that its inflections share.
///
/// Runs of letters and digits in lower case, function words left out, common English endings taken off; East Asian
/// text, which has no spaces, gives its pairs of neighbouring characters.
enum TermSet {
  /// The terms of a text in order, repetitions included.
  static func terms(in text: some StringProtocol) -> [String] {
    var terms: [String] = []
    var word = ""
    var previous: Unicode.Scalar?
    func endWord() {
      if !word.isEmpty, !QuestionWords.all.contains(word) { terms.append(stem(word)) }
      word = ""
    }
    for scalar in text.unicodeScalars {
      if ScalarClass.isEastAsian(scalar.value) {
        endWord()
        if let previous { terms.append(String(String.UnicodeScalarView([previous, scalar]))) }
        previous = scalar
        continue
      }
      previous = nil
      if scalar.properties.isAlphabetic || scalar.properties.numericType != nil {
        word += scalar.properties.lowercaseMapping
      } else if scalar.properties.generalCategory == .nonspacingMark, !word.isEmpty {
        word.unicodeScalars.append(scalar)
      } else {
        endWord()
      }
    }
    endWord()
    return terms
  }

  /// Takes off the endings of plurals, verbs and adverbs; a stem keeps at least three letters.
  ///
  /// Light on purpose: matching too little costs a candidate, matching too much makes a wrong answer look right. The
  /// plural rules are Harman's S stemmer ("How effective is suffixing?", JASIS 42, 1991).
  static func stem(_ word: String) -> String {
    guard word.utf8.count > 3, word.utf8.allSatisfy({ (97...122).contains($0) }) else { return word }
    var letters = Array(word.utf8)
    func ends(_ suffix: StaticString) -> Bool {
      suffix.withUTF8Buffer { letters.count >= $0.count + 3 && letters.suffix($0.count).elementsEqual($0) }
    }
    if ends("ies") {
      letters.replaceSubrange((letters.count - 3)..., with: [UInt8(ascii: "y")])
    } else if ends("sses") || ends("xes") || ends("ches") || ends("shes") {
      letters.removeLast(2)
    } else if ends("s"), !ends("ss"), !ends("us"), !ends("is") {
      letters.removeLast()
    }
    if ends("ing") {
      letters.removeLast(3)
    } else if ends("ed") {
      letters.removeLast(2)
    } else if ends("ly") {
      letters.removeLast(2)
    }
    // "stopped" and "stop", "make" and "making", "carry" and "carried" meet.
    if letters.count > 3, let last = letters.last {
      if last == letters[letters.count - 2], !"aeiouls".utf8.contains(last) { letters.removeLast() }
      if letters.count > 3, last == UInt8(ascii: "e") { letters.removeLast() }
      if last == UInt8(ascii: "y") { letters[letters.count - 1] = UInt8(ascii: "i") }
    }
    return String(decoding: letters, as: UTF8.self)
  }
}
