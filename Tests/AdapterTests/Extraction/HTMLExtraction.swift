import Application
import Domain
import Testing

@testable import TextExtraction

#if HTML
@Suite("Extraction of HTML")
struct HTMLExtraction {
  private func read(
    _ source: String,
    limits: ExtractionLimits = ExtractionLimits()
  ) async throws(ExtractionFailure) -> ExtractedText {
    try await extractText(source.utf8, type: .html, limits: limits).text
  }

  private func expect(
    _ source: String,
    _ expected: [(TextBlock.Kind, String)],
    at location: SourceLocation = #_sourceLocation
  ) async throws {
    let found = textBlocks(try await read(source))
    #expect(found.map(\.text) == expected.map(\.1), sourceLocation: location)
    #expect(found.map(\.kind) == expected.map(\.0), sourceLocation: location)
  }

  @Test("a page becomes its text, with structure, title and entities decoded")
  func page() async throws {
    let source = """
      <!DOCTYPE html><html><head><title> The &amp; Title
      </title><style>p{}</style></head><body>
      <h1>Main <em>heading</em></h1>
      <p>First   paragraph&nbsp;with <b>bold</b>&mdash;and
      a line.<br>Second line.</p>
      <ul><li>One<li>Two <ul><li>Nested</ul></ul><ol><li>First</li><li>Second</li></ol>
      <pre>
        code  here
      more</pre>
      <blockquote><p>Quoted</p></blockquote>
      <table><tr><th>A<th>B<tr><td>1<td>2</table>
      <div>Loose text<div>inner</div></div></body></html>
      """
    let (text, type) = try await extractText(source.utf8, type: .unknown)
    #expect(type == .html)
    #expect(text.title == "The & Title")
    #expect(
      text.text == """
        Main heading

        First paragraph\u{A0}with bold—and a line.
        Second line.

        - One
        - Two
        - Nested
        1. First
        2. Second

          code  here
        more

        Quoted

        A | B
        1 | 2

        Loose text

        inner
        """
    )
    #expect(
      textBlocks(text).map(\.kind) == [
        .heading(level: 1), .paragraph, .listItem, .listItem, .listItem, .listItem, .listItem, .code, .quote, .table,
        .table, .paragraph, .paragraph,
      ]
    )
    #expect(textBlocks(text).map(\.text)[2...6] == ["One", "Two", "Nested", "First", "Second"])
  }

  @Test(
    "what is not content or not seen is left out",
    arguments: [
      "<script>X</script>", "<style>X</style>", "<noscript>X</noscript>", "<template>X</template>", "<nav>X</nav>",
      "<header>X</header>", "<footer>X</footer>", "<aside>X</aside>", "<form><label>X</label><input></form>",
      "<!-- X -->",
      "<p hidden>X</p>", "<p aria-hidden=true>X</p>", "<p style='color: red; DISPLAY : none'>X</p>",
      "<p style=visibility:hidden>X</p>", "<span style='font-size: 0px'>X</span>", "<span style=opacity:0>X</span>",
      "<select><option>X</select>", "<button>X</button>", "<textarea>X</textarea>", "<svg><text>X</text></svg>",
      "<div role=navigation>X</div>", "<iframe>X</iframe>", "<div hidden><p><b>X</b></p></div>",
    ]
  )
  func leftOut(_ part: String) async throws {
    try await expect("<p>before</p>\(part)<p>after</p>", [(.paragraph, "before"), (.paragraph, "after")])
  }

  @Test("style that shows text does not hide it")
  func shown() async throws {
    try await expect(
      "<p style='display:block;opacity:0.9;font-size:0.8em'>A</p><p aria-hidden=false>B</p>",
      [(.paragraph, "A"), (.paragraph, "B")]
    )
  }

  @Test("the main element is the content; without one, articles that hold most of the text; otherwise the body")
  func mainContent() async throws {
    try await expect(
      "<div>menu</div><main><header><h1>T</h1></header><p>x</p></main>",
      [(.heading(level: 1), "T"), (.paragraph, "x")]
    )
    try await expect("<div role=main>x</div><div>menu</div>", [(.paragraph, "x")])
    try await expect("<p>menu</p><article><p>Long article</p></article>", [(.paragraph, "Long article")])
    try await expect(
      "<p>A long text of the page</p><article>ad</article>",
      [(.paragraph, "A long text of the page"), (.paragraph, "ad")]
    )
    try await expect("<p>text</p><main> </main>", [(.paragraph, "text")])
  }

  @Test("a page wholly in a form or header is read all the same")
  func form() async throws {
    try await expect("<form><p>ASP.NET</p></form>", [(.paragraph, "ASP.NET")])
    try await expect("<header><h1>Only this</h1></header>", [(.heading(level: 1), "Only this")])
  }

  @Test("paragraphs in the cells of a layout table are paragraphs")
  func layoutTable() async throws {
    try await expect(
      "<table><tr><td><p>One.</p><p>Two.</p></td><td>cell</td></tr></table>",
      [(.paragraph, "One."), (.paragraph, "Two."), (.table, "cell")]
    )
  }

  @Test("text is cleaned, and composes across elements")
  func cleaned() async throws {
    let text = try await read("<p>cafe<b>\u{301}</b> &#8238;pay&#x200B;pal&shy;s &#0;x</p>")
    #expect(Array(text.text.utf8) == Array("caf\u{E9} paypals \u{FFFD}x".utf8))
  }

  @Test("tags that are not closed or nested wrongly give the text that browsers show")
  func malformed() async throws {
    try await expect(
      "<p>one<p>two<b>bold<p>three</i></b></div><li>item",
      [
        (.paragraph, "one"), (.paragraph, "twobold"), (.paragraph, "three"), (.listItem, "item"),
      ]
    )
    try await expect("a<", [(.paragraph, "a<")])
    try await expect("x</p", [(.paragraph, "x")])
  }

  @Test(
    "a page without text is empty",
    arguments: ["<html></html>", "<p> </p>", "<script>x</script>", "<p>&nbsp;", "<table><tr><td><td></table>"]
  )
  func empty(_ source: String) async {
    await #expect(throws: ExtractionFailure.empty) { try await read(source) }
  }

  @Test("the limit on depth holds at its edge")
  func depth() async throws {
    // html and body are two levels.
    let nested = { (count: Int) in String(repeating: "<div>", count: count) + "x" }
    #expect(try await read(nested(510)).text == "x")
    for count in [511, 10_000, 1_000_000] {
      await #expect(throws: ExtractionFailure.invalid("the page nests its elements deeper than 512 levels")) {
        try await read(nested(count))
      }
    }
  }

  @Test("the deepest that may be set is read, for it finds room on the stack")
  func deepest() async throws {
    var limits = ExtractionLimits()
    limits.maximumHTMLDepth = 2_048
    let depth = 2_048 - 2
    for tag in ["div", "b", "ul><li", "table><tr><td"] {
      let levels = depth / (tag.count { $0 == ">" } + (tag.hasPrefix("table") ? 2 : 1)) - 1
      let source = String(repeating: "<\(tag)>", count: levels) + "text"
      #expect(try await read(source, limits: limits).text.hasSuffix("text"))
    }
  }

  @Test("the limit on nodes holds at its edge")
  func nodes() async throws {
    var limits = ExtractionLimits()
    limits.maximumHTMLNodes = 12
    // A head, a body, five elements and their texts.
    #expect(try await read(String(repeating: "<p>x</p>", count: 5), limits: limits).blocks.count == 5)
    await #expect(throws: ExtractionFailure.invalid("the page has more than 12 elements and texts")) {
      try await read(String(repeating: "<p>x</p>", count: 5) + "y", limits: limits)
    }
  }

  @Test("the limit on memory holds")
  func memory() async throws {
    var limits = ExtractionLimits()
    limits.maximumHTMLMemory = 50_000
    #expect(try await read("<p>x", limits: limits).text == "x")
    await #expect(
      throws: ExtractionFailure.invalid(
        "the page takes more than 50000 bytes of memory to parse: its tags are not well nested"
      )
    ) { try await read(String(repeating: "<p>x", count: 1_000), limits: limits) }
  }

  @Test("the limit on time holds")
  func time() async throws {
    var limits = ExtractionLimits()
    limits.maximumHTMLTime = .zero
    await #expect(
      throws: ExtractionFailure.invalid("the page takes longer than 0.0 seconds to parse: its tags are not well nested")
    ) { try await read(String(repeating: "<p>x", count: 1_000), limits: limits) }
  }

  @Test("a parse that runs stops when its task is cancelled")
  func cancellation() async throws {
    var limits = ExtractionLimits()
    // Beyond this it would end as invalid, which is not what is expected.
    limits.maximumHTMLTime = .seconds(60)
    limits.maximumHTMLDepth = .max
    limits.maximumHTMLNodes = .max
    limits.maximumHTMLMemory = 1 << 30
    // Without cancellation this takes minutes: each tag looks through all that are open.
    let source = String(repeating: "<div>", count: 400_000)
    let task = Task { [limits] in try await read(source, limits: limits) }
    try await Task.sleep(for: .milliseconds(300))
    task.cancel()
    await #expect(throws: ExtractionFailure.cancelled) { try await task.value }
  }

  @Test(
    "hostile pages give a text or a clear refusal, within the limits",
    arguments: [
      String(repeating: "<b>", count: 20_000) + "x",
      (0..<3_000).map { "<font x=\($0)>" }.joined() + String(repeating: "<p>x", count: 20_000),
      (0..<400).map { "<font x=\($0)>" }.joined() + String(repeating: "<p>x", count: 20_000),
      String(repeating: "<div></x>", count: 5_000) + "x", String(repeating: "<table><div>", count: 3_000),
      String(repeating: "<div><table></div>", count: 3_000), "<p " + (0..<20_000).map { "a\($0)=x " }.joined() + ">x",
      String(repeating: "<div>", count: 400) + String(repeating: "</x>", count: 20_000) + "x",
      String(repeating: "<div></x>", count: 50_000) + "<frameset>", "<frameset><frame src=x></frameset>",
      "<svg><style><p>" + String(repeating: "<i></x>", count: 50_000) + "<frameset>",
      String(repeating: "<!--", count: 50_000), String(repeating: "&", count: 50_000),
      String(repeating: "<", count: 50_000), String(repeating: "<a", count: 50_000),
      String(repeating: "\"", count: 50_000),
      "<title>" + String(repeating: "x", count: 100_000), "<script>" + String(repeating: "</scrip", count: 50_000),
      "<pre>" + String(repeating: "\n", count: 50_000) + "x", String(repeating: "<select><option>", count: 5_000),
      String(repeating: "<svg><foreignObject>", count: 5_000), String(repeating: "<template>", count: 5_000),
      String(repeating: "<li>x", count: 20_000), String(repeating: "<ul><li>", count: 5_000),
      String(repeating: "<a href=x>x", count: 10_000), String(repeating: "<table><tr><td>", count: 5_000),
      String(repeating: "<math><mtext>", count: 5_000),
    ]
  )
  func hostile(_ source: String) async throws {
    do throws(ExtractionFailure) {
      let text = try await read(source)
      #expect(!textBlocks(text).isEmpty)
    } catch {
      switch error {
      case .empty: break
      case .invalid(let message): #expect(message.hasPrefix("the page "))
      case .unsupported, .cancelled: Issue.record("\(error)")
      }
    }
  }
}
#else
@Suite("Extraction of HTML")
struct HTMLExtraction {
  @Test("without the trait, HTML is refused with what to do")
  func refused() async {
    #expect(!StandardTextExtractor.readsHTML)
    await #expect(
      throws: ExtractionFailure.unsupported(
        "this server was built without HTML support: build it with the package trait HTML and libgumbo-dev installed"
      )
    ) { try await extractText("<html><p>x".utf8, type: .html) }
  }
}
#endif
