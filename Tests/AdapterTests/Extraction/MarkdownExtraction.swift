import Application
import Domain
import Testing

@Suite("Extraction of Markdown")
struct MarkdownExtraction {
  private func read(_ source: String) async throws -> (title: String?, blocks: [(kind: TextBlock.Kind, text: String)]) {
    let text = try await extractText(source.utf8, type: .markdown).text
    #expect(Array(text.text.utf8) == Array(source.utf8), "the text is the source")
    return (text.title, textBlocks(text))
  }

  private func expect(
    _ source: String,
    _ expected: [(TextBlock.Kind, String)],
    at location: SourceLocation = #_sourceLocation
  ) async throws {
    let found = try await read(source).blocks
    #expect(found.map(\.text) == expected.map(\.1), sourceLocation: location)
    #expect(found.map(\.kind) == expected.map(\.0), sourceLocation: location)
  }

  @Test("headings of both styles, without their marks")
  func headings() async throws {
    try await expect(
      "# One #\n## Two\n###  Three ###\n#not one\n\nSetext\n===\nAlso\nsetext\n---\n#\n####### seven\n",
      [
        (.heading(level: 1), "One"), (.heading(level: 2), "Two"), (.heading(level: 3), "Three"),
        (.paragraph, "#not one"), (.heading(level: 1), "Setext"), (.heading(level: 2), "Also\nsetext"),
        (.paragraph, "####### seven"),
      ]
    )
  }

  @Test("paragraphs go on until a blank line or another block")
  func paragraphs() async throws {
    try await expect(
      "One\n  two  \nthree\n\nfour\n***\nfive\n- item\n\nsix",
      [
        (.paragraph, "One\n  two  \nthree"), (.paragraph, "four"), (.paragraph, "five"), (.listItem, "item"),
        (.paragraph, "six"),
      ]
    )
  }

  @Test("code, fenced and indented, is taken as it is, blank lines and all")
  func code() async throws {
    try await expect(
      "```swift\n  let a = 1\n\n# not a heading\n```\ntext\n\n    indented\n\n      more\ntext\n~~~~\n```\n~~~\n~~~~\n",
      [
        (.code, "  let a = 1\n\n# not a heading"), (.paragraph, "text"), (.code, "    indented\n\n      more"),
        (.paragraph, "text"), (.code, "```\n~~~"),
      ]
    )
  }

  @Test("a fence that is not closed reaches to the end")
  func openFence() async throws {
    try await expect("```\ncode\n\n# still code\n", [(.code, "code\n\n# still code")])
  }

  @Test("each item of a list is a block, nested ones too, with their continuation")
  func lists() async throws {
    try await expect(
      "- one\n  goes on\n* two\n    1. nested\n    2. more\n- [x] done\n\n"
        + "  a paragraph in it\n\n10) ten\n\nend\n1990. A year",
      [
        (.listItem, "one\n  goes on"), (.listItem, "two"), (.listItem, "nested"), (.listItem, "more"),
        (.listItem, "done"), (.paragraph, "a paragraph in it"), (.listItem, "ten"), (.paragraph, "end\n1990. A year"),
      ]
    )
  }

  @Test("quotations and tables")
  func quotesAndTables() async throws {
    try await expect(
      "> quoted\n> on\nlazily\n>\n> again\n\n"
        + "intro\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n| no | table |\n\na|b\n-|-\nc|d\n",
      [
        (.quote, "quoted\n> on\nlazily"), (.quote, "again"), (.paragraph, "intro"),
        (.table, "| a | b |\n|---|:-:|\n| 1 | 2 |"), (.paragraph, "| no | table |"), (.table, "a|b\n-|-\nc|d"),
      ]
    )
  }

  @Test("comments, scripts and styles are in no block")
  func invisible() async throws {
    try await expect(
      "before\n<!-- one line -->\nafter\n\n<!--\nhidden\n\nmore\n-->\n"
        + "<script>\nlet x = 1\n</script>\n<STYLE>p{}</style>\nend",
      [(.paragraph, "before"), (.paragraph, "after"), (.paragraph, "end")]
    )
  }

  @Test("front matter is in no block, and gives the title")
  func frontMatter() async throws {
    let yaml = try await read("---\ntitle: \"The Title\"\ntags: [a]\n---\n# Heading\ntext")
    #expect(yaml.title == "The Title" && yaml.blocks.map(\.text) == ["Heading", "text"])
    let toml = try await read("+++\ntitle = 'Other'\n+++\ntext")
    #expect(toml.title == "Other" && toml.blocks.map(\.text) == ["text"])
    let none = try await read("---\ntext that is not closed\n\nmore")
    #expect(none.title == nil && none.blocks.map(\.text) == ["text that is not closed", "more"])
  }

  @Test("without front matter the first heading of level 1 is the title")
  func title() async throws {
    #expect(try await read("## Low\n\n# The  *main*\n\n# Other\n").title == "The *main*")
    #expect(try await read("## Low\n").title == nil)
  }

  @Test("CRLF becomes LF, and then the blocks are the same")
  func lineEnds() async throws {
    let source = "# One\n\ntext\n- a\n- b\n\n```\ncode\n```\n"
    let crlf = try await extractText(source.replacing("\n", with: "\r\n").utf8, type: .markdown).text
    #expect(try await extractText(source.utf8, type: .markdown).text == crlf)
  }

  @Test("every word outside markup is in a block, whatever the text", arguments: 0..<100)
  func nothingIsLost(_ seed: Int) async throws {
    let lines = [
      "# Hword", "Pword and more", "- Lword", "  continuation", "> Qword", "", "", "| Tword | x |", "|---|---|", "```",
      "    indented", "===", "---", "1. Nword", "\tTabword", "* * *", "~~~", "   three",
    ]
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 12_345
    let source =
      (0..<40).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return lines[Int(state >> 33) % lines.count]
      }.joined(separator: "\n") + "\nend of it"
    let text = try await extractText(source.utf8, type: .markdown).text
    let bytes = Array(text.text.utf8)
    var covered = [Bool](repeating: false, count: bytes.count)
    for block in text.blocks { for index in block.range { covered[index] = true } }
    // What follows a front matter's or a fence's mark on its line is markup; these lines have none but the marks.
    let skipped = FrontMatterEnd.of(bytes)
    for index in bytes.indices.dropFirst(skipped) where (0x61...0x7A).contains(bytes[index] | 0x20) {
      #expect(covered[index], "\(source)")
    }
  }
}

/// Where a text's front matter ends, found apart from the code under test.
enum FrontMatterEnd {
  static func of(_ bytes: [UInt8]) -> Int {
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.first == "---", let end = lines.dropFirst().firstIndex(of: "---") else { return 0 }
    return lines[...end].reduce(0) { $0 + $1.utf8.count + 1 }
  }
}
