/// Takes English suffixes off words, so that `flows` and `flowing` match `flow`.
///
/// Source: Porter, "An algorithm for suffix stripping", Program 14 (3), 1980, with the author's two later changes
/// (`bli` → `ble`, `logi` → `log`).
package enum PorterStemmer {
  /// Longer words, in UTF-8 bytes, are left as they are: they are no English words.
  package static let maximumLength = 64

  /// The stem of a lower-case word. Other characters than ASCII letters count as consonants.
  package static func stem(_ word: String) -> String {
    guard (3...maximumLength).contains(word.utf8.count) else { return word }
    var stem = Stem(Array(word.utf8))
    stem.removePlural()
    stem.removePastAndGerund()
    stem.replaceFinalY()
    stem.replaceFirst(of: doubleSuffixes, measure: 0)
    stem.replaceFirst(of: adjectiveSuffixes, measure: 0)
    stem.removeLastSuffix()
    stem.tidy()
    return String(decoding: stem.bytes, as: UTF8.self)
  }

  private static let doubleSuffixes = pairs([
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("logi", "log"),
    ("bli", "ble"), ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"),
    ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"),
    ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"),
  ])

  private static let adjectiveSuffixes = pairs([
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
  ])

  fileprivate static let lastSuffixes = pairs([
    ("al", ""), ("ance", ""), ("ence", ""), ("er", ""), ("ic", ""), ("able", ""), ("ible", ""), ("ant", ""),
    ("ement", ""), ("ment", ""), ("ent", ""), ("ion", ""), ("ou", ""), ("ism", ""), ("ate", ""), ("iti", ""),
    ("ous", ""), ("ive", ""), ("ize", ""),
  ]).map(\.suffix)

  private static func pairs(_ texts: [(String, String)]) -> [(suffix: [UInt8], replacement: [UInt8])] {
    texts.map { (Array($0.0.utf8), Array($0.1.utf8)) }
  }
}

/// A word on its way to its stem; each step is one of the paper's.
private struct Stem {
  var bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Step 1a.
  mutating func removePlural() {
    if hasSuffix("sses") || hasSuffix("ies") {
      bytes.removeLast(2)
    } else if hasSuffix("s"), !hasSuffix("ss") {
      bytes.removeLast()
    }
  }

  /// Step 1b.
  mutating func removePastAndGerund() {
    if hasSuffix("eed") {
      if measure(bytes.count - 3) > 0 { bytes.removeLast() }
      return
    }
    if hasSuffix("ed"), hasVowel(bytes.count - 2) {
      bytes.removeLast(2)
    } else if hasSuffix("ing"), hasVowel(bytes.count - 3) {
      bytes.removeLast(3)
    } else {
      return
    }
    if hasSuffix("at") || hasSuffix("bl") || hasSuffix("iz") {
      bytes.append(UInt8(ascii: "e"))
    } else if endsInDoubleConsonant, let last = bytes.last, !"lsz".utf8.contains(last) {
      bytes.removeLast()
    } else if measure(bytes.count) == 1, endsInShortSyllable(bytes.count) {
      bytes.append(UInt8(ascii: "e"))
    }
  }

  /// Step 1c.
  mutating func replaceFinalY() {
    if hasSuffix("y"), hasVowel(bytes.count - 1) { bytes[bytes.count - 1] = UInt8(ascii: "i") }
  }

  /// Steps 2 and 3: the longest suffix of the list that fits is replaced if what is before it is long enough.
  mutating func replaceFirst(of list: [(suffix: [UInt8], replacement: [UInt8])], measure least: Int) {
    let fitting = list.filter { bytes.count > $0.suffix.count && bytes.suffix($0.suffix.count) == $0.suffix[...] }
    guard let longest = fitting.max(by: { $0.suffix.count < $1.suffix.count }) else { return }
    let length = bytes.count - longest.suffix.count
    if measure(length) > least { bytes.replaceSubrange(length..., with: longest.replacement) }
  }

  /// Step 4.
  mutating func removeLastSuffix() {
    let fitting = PorterStemmer.lastSuffixes.filter { bytes.count > $0.count && bytes.suffix($0.count) == $0[...] }
    guard let longest = fitting.max(by: { $0.count < $1.count }) else { return }
    let length = bytes.count - longest.count
    if longest == Array("ion".utf8) {
      guard let before = bytes[..<length].last, "st".utf8.contains(before) else { return }
    }
    if measure(length) > 1 { bytes.removeSubrange(length...) }
  }

  /// Step 5.
  mutating func tidy() {
    if hasSuffix("e") {
      let length = bytes.count - 1
      let measure = measure(length)
      if measure > 1 || (measure == 1 && !endsInShortSyllable(length)) { bytes.removeLast() }
    }
    if hasSuffix("ll"), measure(bytes.count - 1) > 1 { bytes.removeLast() }
  }

  /// Whether the word ends in `text` and is longer.
  private func hasSuffix(_ text: String) -> Bool {
    bytes.count > text.utf8.count && bytes.suffix(text.utf8.count).elementsEqual(text.utf8)
  }

  private func isConsonant(_ index: Int) -> Bool {
    switch bytes[index] {
    case UInt8(ascii: "a"), UInt8(ascii: "e"), UInt8(ascii: "i"), UInt8(ascii: "o"), UInt8(ascii: "u"): false
    case UInt8(ascii: "y"): index == 0 || !isConsonant(index - 1)
    default: true
    }
  }

  private func hasVowel(_ length: Int) -> Bool { (0..<max(length, 0)).contains { !isConsonant($0) } }

  /// The number of times that vowels are followed by consonants in the first `length` bytes.
  private func measure(_ length: Int) -> Int {
    var measure = 0
    for index in 0..<max(length, 0) where index > 0 && isConsonant(index) && !isConsonant(index - 1) { measure += 1 }
    return measure
  }

  private var endsInDoubleConsonant: Bool {
    let count = bytes.count
    return count >= 2 && bytes[count - 1] == bytes[count - 2] && isConsonant(count - 1)
  }

  /// Consonant, vowel, consonant other than w, x, y at the end of the first `length` bytes.
  private func endsInShortSyllable(_ length: Int) -> Bool {
    length >= 3 && isConsonant(length - 3) && !isConsonant(length - 2) && isConsonant(length - 1)
      && !"wxy".utf8.contains(bytes[length - 1])
  }
}
