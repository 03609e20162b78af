import Domain
import Testing

@testable import Embeddings

@Suite("The BERT tokenizer")
struct BertTokenizerTests {
  private static let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\naff\ncafe\n!\n中\n"

  @Test("gives the reference's tokens for every sample", .needsModel)
  func equalsTheReference() throws {
    let tokenizer = try ModelUnderTest.embedder().tokenizer
    let samples = try ModelUnderTest.samples("tokenizer.jsonl", of: TokenSample.self)
    #expect(samples.count >= 150)
    for sample in samples {
      #expect(tokenizer.encode(sample.text, maximum: 256) == sample.ids, "\(sample.text.debugDescription)")
    }
  }

  @Test("counts as many tokens as it makes, and its words add up to them", .needsModel)
  func countsAndWordsAgree() throws {
    let tokenizer = try ModelUnderTest.embedder().tokenizer
    for sample in try ModelUnderTest.samples("tokenizer.jsonl", of: TokenSample.self) where sample.ids.count < 256 {
      let words = tokenizer.words(in: sample.text)
      #expect(tokenizer.count(sample.text) == sample.ids.count - 2)
      #expect(words.reduce(0) { $0 + $1.tokens } == sample.ids.count - 2)
      var end = 0
      for word in words {
        // A character that folds into several words gives each of them its own range.
        #expect(word.range.upperBound >= end && !word.range.isEmpty && word.tokens >= 1)
        end = word.range.upperBound
      }
      #expect(end <= sample.text.utf8.count)
    }
  }

  @Test("cuts at the longest pieces, and counts what has none as one unknown token")
  func longestPieces() throws {
    let tokenizer = try BertTokenizer(vocabulary: Self.vocabulary)
    #expect(tokenizer.encode("Unaffable!", maximum: 256) == [2, 5, 6, 7, 10, 3])
    #expect(tokenizer.encode("unaffablex", maximum: 256) == [2, 1, 3])
    #expect(tokenizer.encode("[MASK]aff", maximum: 256) == [2, 4, 8, 3])
    #expect(tokenizer.vocabularySize == 12)
  }

  @Test("keeps the beginning and both special tokens of a text that is too long", arguments: [2, 3, 4, 5, 6, 7])
  func cutsLongTexts(maximum: Int) throws {
    let tokenizer = try BertTokenizer(vocabulary: Self.vocabulary)
    let whole: [Int32] = [2, 5, 6, 7, 10, 3]
    let cut = tokenizer.encode("unaffable!", maximum: maximum)
    #expect(cut == (maximum >= 6 ? whole : whole.prefix(maximum - 1) + [3]))
  }

  @Test("says in UTF-8 bytes where each word lies, accents included")
  func wordRanges() throws {
    let tokenizer = try BertTokenizer(vocabulary: Self.vocabulary)
    let text = " Café! 中unaffable cafe\u{301} "
    let words = tokenizer.words(in: text)
    let quoted = words.map { String(decoding: Array(text.utf8)[$0.range], as: UTF8.self) }
    #expect(quoted == ["Café", "!", "中", "unaffable", "cafe\u{301}"])
    #expect(words.map(\.tokens) == [1, 1, 1, 3, 1])
    #expect(words[0].range == 1..<6)
  }

  @Test("refuses a vocabulary that lacks a special token, repeats a token or has an empty line")
  func refusesBrokenVocabularies() {
    #expect(throws: VocabularyFailure.missingToken("[UNK]")) { try BertTokenizer(vocabulary: "") }
    #expect(throws: VocabularyFailure.missingToken("[MASK]")) {
      try BertTokenizer(vocabulary: "[PAD]\n[UNK]\n[CLS]\n[SEP]\n")
    }
    #expect(throws: VocabularyFailure.repeatedToken("un", line: 13)) {
      try BertTokenizer(vocabulary: Self.vocabulary + "un\n")
    }
    #expect(throws: VocabularyFailure.emptyLine(13)) { try BertTokenizer(vocabulary: Self.vocabulary + "\n") }
  }

  @Test("reads a vocabulary with carriage returns like one without")
  func acceptsCarriageReturns() throws {
    let crlf = Self.vocabulary.replacing("\n", with: "\r\n")
    #expect(try BertTokenizer(vocabulary: crlf).encode("unaffable", maximum: 9) == [2, 5, 6, 7, 3])
  }
}
