import Domain

/// Texts that mix scripts, line ends, emoji and combining marks.
enum RandomText {
  private static let pieces = [
    "The", "quick", "brown", "fox", "e.g.", "Dr.", "3.14", "U.S.", "naïve", "cafe\u{301}", "Straße", "Привет", "мир",
    "שלום", "العربية", "می\u{200C}خواهم", "हिन्दी", "क्\u{200D}ष", "ไทยภาษา", "日本語", "中文。", "한국어", "漢", "か\u{3099}",
    "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "👍🏽", "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}", "a\u{301}\u{302}\u{303}\u{304}",
    "supercalifragilisticexpialidocious", "https://example.com/a/b?c=d#e", "\u{FFFD}", "\u{200B}", "|", "#", "-",
    "1.", "*", "```", "\"quoted\"", "(in brackets)", "[1]", "…", "«да»", "𝒳", "𐍈",
  ]
  private static let gaps = [
    " ", " ", " ", " ", " ", " ", "", "  ", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\t", "\u{A0}", "\u{3000}", ". ",
    "! ", "? ", ".\n", "。", ", ", "; ", "\n- ", "\n# ", "\u{2029}",
  ]

  static func make(length: Int, using generator: inout SplitMix64) -> String {
    var text = ""
    for _ in 0..<length {
      text += pieces.randomElement(using: &generator) ?? ""
      text += gaps.randomElement(using: &generator) ?? ""
    }
    return text
  }

  /// The indices of the bytes of scalars that are not white space.
  static func contentIndices(of bytes: [UInt8]) -> [Int] {
    var indices: [Int] = []
    var index = 0
    while index < bytes.count {
      let scalar = bytes.scalar(at: index)
      if !ScalarClass.isWhiteSpace(scalar.value) { indices += index..<(index + scalar.length) }
      index += scalar.length
    }
    return indices
  }
}
