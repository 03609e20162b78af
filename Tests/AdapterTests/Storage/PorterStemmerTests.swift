import Foundation
import GRDB
import InMemoryStorage
import Testing

@Suite("In memory: stems")
struct PorterStemmerTests {
  @Test("the memory store stems words as SQLite does")
  func stemmer() async throws {
    let words = """
      caresses ponies ties caress cats feed agreed plastered bled motoring sing conflated troubled sized hopping tanned
      falling hissing fizzed failing filing happy sky relational conditional rational valenci hesitanci digitizer
      conformabli radicalli differentli vileli analogousli vietnamization predication operator feudalism decisiveness
      hopefulness callousness formaliti sensitiviti sensibiliti triplicate formative formalize electriciti electrical
      hopeful goodness revival allowance inference airliner gyroscopic adjustable defensible irritant replacement
      adjustment dependent adoption homologou communism activate angulariti homologous effective bowdlerize probate rate
      cease controll roll generalizations oscillators yes dying by say toy flies boundary boundaries viscous analyses
      hypersonic geologi methodologi bli dogs ab is ion lion tion sses ies eed xed aing ing yed yy bee see sss
      naïve überall мосты x1s 2nds aerodynamically
      """.split(whereSeparator: \.isWhitespace).map(String.init)
    let stems = try await DatabaseQueue().write { db in
      try db.execute(
        sql: """
          CREATE VIRTUAL TABLE words USING fts5 (word, tokenize = 'porter unicode61 remove_diacritics 0');
          CREATE VIRTUAL TABLE stems USING fts5vocab (words, 'instance');
          """)
      for (index, word) in words.enumerated() {
        try db.execute(sql: "INSERT INTO words (rowid, word) VALUES (?, ?)", arguments: [index, word])
      }
      return try String.fetchAll(db, sql: "SELECT term FROM stems ORDER BY doc")
    }
    #expect(stems.count == words.count)
    for (word, stem) in zip(words, stems) { #expect(PorterStemmer.stem(word) == stem, "\(word)") }
  }
}
