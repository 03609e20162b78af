/// The fewest tokens that a text can be, whatever model reads it: a bound by which a prompt can be refused that surely does
/// not fit. The true number is mostly a third above it where words are parted by blanks, and far above it elsewhere.
///
/// It rests on two things that hold for the published tokenizers of GPT, Llama, Qwen, Mistral, DeepSeek and Gemma:
/// - Text is split at white space before it is merged, so that a token holds the beginning of one word at most. Counted are
///   letters and digits that follow ASCII white space or begin the text: signs may share a token with a line break before
///   them.
/// - No token is longer than ``maximumTokenBytes``. The longest are runs of one character, of 128 bytes.
package enum FewestTokens {
  /// The most bytes of UTF-8 that a token can be.
  package static let maximumTokenBytes = 256

  /// The fewest tokens of a text; reads it once.
  package static func count(_ text: String) -> Int {
    var text = text
    return text.withUTF8 { bytes in
      var words = 0
      var isBehindBlank = true
      for byte in bytes {
        if isBehindBlank, beginsWord(byte) { words += 1 }
        isBehindBlank = byte == 0x20 || (0x09...0x0D).contains(byte)
      }
      return max(words, (bytes.count + maximumTokenBytes - 1) / maximumTokenBytes)
    }
  }

  /// Whether a word begins with a byte, as far as that byte tells: an ASCII letter or digit, or the first byte of U+00C0 to
  /// U+07FF, among which is no white space.
  private static func beginsWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0xC3...0xDF: true
    default: false
    }
  }
}

extension TokenCounter {
  /// The tokens that a text may be for a model whose tokenizer is not known: as many as this counter has, and at least one
  /// for four bytes, since long words and strange scripts may be few tokens to this counter alone.
  package func estimate(_ text: String) -> Int {
    max(count(text), FewestTokens.count(text), (text.utf8.count + 3) / 4)
  }
}
