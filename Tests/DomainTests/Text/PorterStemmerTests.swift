import Domain
import Testing

@Suite("Stems")
struct PorterStemmerTests {
  @Test("words are stemmed as SQLite's porter tokenizer stems them")
  func stemmer() {
    // What SQLite 3.40.1 gives with FTS5's `porter unicode61 remove_diacritics 0`: a word and its stem each.
    let pairs = """
      caresses caress, ponies poni, ties ti, caress caress, cats cat, feed feed, agreed agre, plastered plaster,
      bled bled, motoring motor, sing sing, conflated conflat, troubled troubl, sized size, hopping hop,
      tanned tan, falling fall, hissing hiss, fizzed fizz, failing fail, filing file, happy happi, sky sky,
      relational relat, conditional condit, rational ration, valenci valenc, hesitanci hesit, digitizer digit,
      conformabli conform, radicalli radic, differentli differ, vileli vile, analogousli analog,
      vietnamization vietnam, predication predic, operator oper, feudalism feudal, decisiveness decis,
      hopefulness hope, callousness callous, formaliti formal, sensitiviti sensit, sensibiliti sensibl,
      triplicate triplic, formative form, formalize formal, electriciti electr, electrical electr, hopeful hope,
      goodness good, revival reviv, allowance allow, inference infer, airliner airlin, gyroscopic gyroscop,
      adjustable adjust, defensible defens, irritant irrit, replacement replac, adjustment adjust,
      dependent depend, adoption adopt, homologou homolog, communism commun, activate activ, angulariti angular,
      homologous homolog, effective effect, bowdlerize bowdler, probate probat, rate rate, cease ceas,
      controll control, roll roll, generalizations gener, oscillators oscil, yes ye, dying dy, by by, say sai,
      toy toi, flies fli, boundary boundari, boundaries boundari, viscous viscou, analyses analys,
      hypersonic hyperson, geologi geologi, methodologi methodolog, bli bli, dogs dog, ab ab, is is, ion ion,
      lion lion, tion tion, sses sse, ies ie, eed e, xed xed, aing a, ing ing, yed yed, yy yy, bee bee, see see,
      sss sss, naïve naïv, überall überal, мосты мосты, x1s x1, 2nds 2nd, aerodynamically aerodynam
      """.split(separator: ",").map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
    for pair in pairs { #expect(PorterStemmer.stem(pair[0]) == pair[1], "\(pair[0])") }
  }

  @Test("a word of more than 64 bytes is left as it is")
  func longWords() {
    let stem = String(repeating: "a", count: 61)
    #expect(PorterStemmer.stem(stem + "ing") == stem)
    #expect(PorterStemmer.stem("b" + stem + "ing") == "b" + stem + "ing")
  }
}
