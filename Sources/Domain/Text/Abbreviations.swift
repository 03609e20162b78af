/// Abbreviations by what a period after them means, in lower case and without that period.
enum Abbreviations {
  /// Something always follows: titles before names, "for example", "versus".
  static let neverEnd: Set<String> = [
    "mr", "mrs", "ms", "dr", "prof", "mt", "messrs", "mme", "mlle", "gen", "col", "lt", "sgt", "capt", "cmdr", "rev",
    "hon", "gov", "sen", "st", "ste", "sr", "sra", "srta", "hr", "fr", "frl", "dipl", "ing", "e.g", "eg", "i.e", "ie",
    "cf", "viz", "vs", "v.s", "approx", "ca", "fig", "figs", "eq", "eqs", "ref", "refs", "resp", "incl", "excl", "esp",
    "z.b", "d.h", "u.a", "o.ä", "v.a", "bzw", "vgl", "ggf", "evtl", "sog", "zzgl", "inkl", "p.ej", "c.-à-d", "nr",
  ]

  /// A number follows, or the word is a word: "No. 5" but "No. It is not".
  static let beforeNumbers: Set<String> = [
    "no", "nos", "vol", "vols", "p", "pp", "ch", "chap", "sec", "sect", "art", "abs", "ver", "v", "s", "ed", "par", "n",
    "n°", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "tab", "kap", "bd",
  ]

  /// Part of a name or a measure, and often last: the next word decides.
  static let mayEnd: Set<String> = [
    "al", "inc", "ltd", "co", "corp", "jr", "bros", "dept", "univ", "assn", "ave", "blvd", "rd", "est", "dist", "eds",
    "ed", "min", "max", "misc", "jan", "feb", "apr", "aug", "sept", "oct", "nov", "dec", "ph.d", "m.d", "a.m", "p.m",
  ]

  /// Last in a list: an end where a capital follows.
  static let endBeforeCapital: Set<String> = ["etc", "usw", "u.s.w", "ff", "sq", "cont"]

  /// "am 3. Oktober": a number before these is a day.
  static let germanMonths: Set<String> = [
    "januar", "februar", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "dezember",
  ]

  /// Words that begin a sentence far more often than a name.
  static let starters: Set<String> = [
    "the", "a", "an", "in", "on", "at", "it", "he", "she", "they", "we", "you", "i", "this", "that", "these", "those",
    "there", "but", "and", "however", "for", "if", "when", "while", "as", "after", "before", "although", "our", "its",
    "his", "her", "their", "my", "what", "who", "how", "why", "where", "here", "some", "many", "most", "each", "all",
    "no", "not", "to", "by", "from", "with", "so", "then", "thus", "also", "der", "die", "das", "es", "er", "sie",
    "wir", "ein", "eine", "le", "les", "il", "elle", "un", "une", "el", "los", "las",
  ]
}
