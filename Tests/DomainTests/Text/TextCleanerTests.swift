import Domain
import Testing

@Suite("Cleaning text")
struct TextCleanerTests {
  @Test(
    "clean text comes out byte for byte as it went in",
    arguments: [
      "", " ", "\n", "plain", "  indented\twith tabs  \n\n\nand two blank lines\n", "no end of line",
      "naïve Straße Łódź — “quotes” … €", "Привет, мир", "שלום \u{200F}עולם", "مرحبا بالعالم", "می\u{200C}خواهم",
      "क\u{94D}\u{200D}ष हिन्दी", "ภาษา\u{200B}ไทย", "日本語、中文。한국어",
      "👩\u{200D}👩\u{200D}👧 ❤\u{FE0F} 1\u{FE0F}\u{20E3} 👍🏽 🇩🇪",
      "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}", "x\u{301}\u{302}", "\u{FFFD} \u{E000} \u{10FFFD}",
      "𝒳𐍈",
      "葛\u{E0100}", "nb\u{A0}sp \u{2009}thin", "| a | b |\n|---|---|\n", "Page 1\n\nPage 2\n",
    ]
  )
  func identity(_ text: String) {
    #expect(Array(TextCleaner.clean(text).utf8) == Array(text.utf8))
  }

  @Test(
    "text is composed, line ends are line feeds, and what no reader sees is gone",
    arguments: [
      ("cafe\u{301}", "caf\u{E9}"), ("\u{212B}\u{2126}", "\u{C5}\u{3A9}"), ("\u{1112}\u{1161}\u{11AB}", "\u{D55C}"),
      ("か\u{3099}", "が"), ("a\u{323}\u{307}", "\u{1EA1}\u{307}"), ("a\u{307}\u{323}", "\u{1EA1}\u{307}"),
      ("one\r\ntwo\rthree\u{85}four\u{2028}five\u{2029}six\u{B}seven", "one\ntwo\nthree\nfour\nfive\n\nsix\nseven"),
      ("a\r\r\n\rb", "a\n\n\nb"), ("a\u{0}b\u{1B}[0m\u{7F}c\u{9B}d", "ab[0mcd"), ("\u{FEFF}text\u{FEFF}", "text"),
      ("soft\u{AD}hyphen", "softhyphen"), ("pay\u{200B}pal", "paypal"), ("a\u{202E}dcb\u{202C}", "adcb"),
      ("\u{2066}x\u{2069}\u{2060}\u{2063}", "x"), ("e\u{200B}\u{301}", "\u{E9}"),
      ("hi\u{E0069}\u{E0067}\u{E006E}\u{E006F}\u{E0072}\u{E0065}", "hi"), ("a\u{200D}b\u{200C}", "ab"),
      ("ب\u{200C}\u{200C}\u{200D}ا", "ب\u{200C}ا"), ("❤\u{FE0F}\u{FE0F}\u{E0101}", "❤\u{FE0F}"),
      ("🏴\u{E0067}\u{E0062}", "🏴"), ("🏴\u{E007F}x", "🏴x"),
      ("a\n\n\n\n\nb\n \n\t\n\n\nc", "a\n\n\nb\n \n\t\nc"), ("\n\n\n\n\n", "\n\n"),
    ] as [(String, String)]
  )
  func cleans(_ text: String, _ clean: String) {
    #expect(Array(TextCleaner.clean(text).utf8) == Array(clean.utf8))
  }

  @Test("noncharacters go", arguments: [0xFDD0, 0xFDEF, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF] as [UInt32])
  func noncharacters(_ value: UInt32) throws {
    let scalar = try #require(Unicode.Scalar(value))
    #expect(TextCleaner.clean("a\(scalar)b") == "ab")
  }

  @Test("cleaning twice is cleaning once, and gives NFC without carriage returns", arguments: 0..<60)
  func idempotent(_ seed: Int) {
    var generator = SplitMix64(seed: UInt64(seed))
    let hidden = [
      "\u{200D}", "\u{FE0F}", "\u{301}", "\u{212A}", "\u{202E}", "\u{0}", "\u{C}", "\u{E0041}", "\u{37E}", "\u{323}",
    ]
    let text = RandomText.make(length: 100, using: &generator).map { character in
      Int.random(in: 0..<4, using: &generator) == 0
        ? String(character) + (hidden.randomElement(using: &generator) ?? "") : String(character)
    }.joined()
    let clean = TextCleaner.clean(text)
    #expect(Array(TextCleaner.clean(clean).utf8) == Array(clean.utf8))
    #expect(Array(clean.canonicallyComposed.utf8) == Array(clean.utf8))
    #expect(!clean.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" && $0 != "\t" })
  }

  @Test("of more than 30 combining marks in a row the rest is left out")
  func marks() {
    let thirty = "x" + String(repeating: "\u{301}", count: 30)
    #expect(Array(TextCleaner.clean(thirty).utf8) == Array(thirty.utf8))
    #expect(Array(TextCleaner.clean(thirty + "\u{301}y").utf8) == Array("\(thirty)y".utf8))
    let clean = TextCleaner.clean("a" + String(repeating: "\u{301}\u{323}", count: 500_000))
    #expect(clean.unicodeScalars.count == 30)
    #expect(clean.unicodeScalars.first == "\u{1EA1}")
    let apart = TextCleaner.clean("x" + String(repeating: "\u{344}", count: 30))
    #expect(apart.unicodeScalars.count == 31)
    #expect(Array(TextCleaner.clean(apart).utf8) == Array(apart.utf8))
  }

  @Test("scalars called inert are starters, stay as they are, and compose with nothing before them")
  func inert() {
    for value in UInt32(0)...0x2FFFF {
      guard ScalarClass.isInert(value), let scalar = Unicode.Scalar(value) else { continue }
      #expect(scalar.properties.canonicalCombiningClass == .notReordered)
      // The marks make the line one that is looked at; a scalar that changes or composes would show.
      for text in ["\(scalar)\u{334}", "x\u{334}\(scalar)"] {
        #expect(text.canonicallyComposed.unicodeScalars.contains(scalar), "U+\(String(value, radix: 16))")
      }
    }
  }

  @Test("a title becomes one clean line")
  func line() {
    #expect(TextCleaner.cleanLine("  A\u{200B} title\r\n over\ttwo lines ") == "A title over two lines")
  }

  @Test("headers, footers and page numbers that repeat on pages go, and the page breaks")
  func furniture() {
    let pages = (1...5).map { page in
      "Annual Report of the Company\n\nText of page \(page) is here.\nIt goes on.\n"
        + "Unlike \(page * 3) any.\n\n  Page \(page) of 5\n"
    }
    let clean = TextCleaner.clean(pages.joined(separator: "\u{C}"))
    #expect(!clean.contains("Annual Report") && !clean.contains("of 5") && !clean.contains("\u{C}"))
    for page in 1...5 { #expect(clean.contains("Text of page \(page) is here.\nIt goes on.\nUnlike \(page * 3) any.")) }
  }

  @Test("lines stay when they differ, when there are few pages, when they are figures, or without page breaks")
  func noFurniture() {
    let chapters = (1...5).map { "Chapter \($0)\nWords \($0 * 7) a.\nMore b\($0).\nLast c\($0)." }
    #expect(TextCleaner.clean(chapters.joined(separator: "\u{C}")) == chapters.joined(separator: "\n"))
    let figures = (1...5).map { "\($0) 20 30\n40 \($0) 60" }
    #expect(TextCleaner.clean(figures.joined(separator: "\u{C}")) == figures.joined(separator: "\n"))
    let few = Array(repeating: "The same header line\ntext", count: 3)
    #expect(TextCleaner.clean(few.joined(separator: "\u{C}")) == few.joined(separator: "\n"))
    let song = Array(repeating: "The same refrain here\n", count: 20).joined(separator: "\n")
    #expect(TextCleaner.clean(song) == song)
  }
}
