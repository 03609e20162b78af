import Domain
import Testing

@Suite("Rules of robots.txt (RFC 9309)")
struct RobotsRulesTests {
  private func allows(_ file: String, _ path: String, agent: String = "opentier") -> Bool {
    RobotsRules(Array(file.utf8), agent: agent).allow(path)
  }

  /// RFC 9309 §5.1.
  private static let simple = """
    User-Agent: *
    Disallow: *.gif$
    Disallow: /example/
    Allow: /publications/

    User-Agent: foobot
    Disallow:/
    Allow:/example/page.html
    Allow:/example/allowed.gif

    User-Agent: barbot
    User-Agent: bazbot
    Disallow: /example/page.html

    User-Agent: quxbot
    """

  @Test(
    "the simple example of the RFC means what it says there",
    arguments: [
      ("opentier", "/example/page.html", false), ("opentier", "/publications/x.gif", true),
      ("opentier", "/a/b.gif", false), ("opentier", "/a/b.gif?x", true), ("opentier", "/other", true),
      ("foobot", "/", false), ("foobot", "/example/page.html", true), ("foobot", "/example/allowed.gif", true),
      ("foobot", "/example/other.gif", false), ("barbot", "/example/page.html", false), ("barbot", "/example/", true),
      ("bazbot", "/example/page.html", false), ("quxbot", "/example/page.html", true), ("quxbot", "/a.gif", true),
    ])
  func simpleExample(agent: String, path: String, expected: Bool) {
    #expect(allows(Self.simple, path, agent: agent) == expected)
  }

  @Test("of the longest match the RFC's example takes the one that disallows")
  func longestMatch() {
    let file = """
      User-Agent: foobot
      Allow: /example/page/
      Disallow: /example/page/disallowed.gif
      """
    #expect(!allows(file, "/example/page/disallowed.gif", agent: "foobot"))
    #expect(allows(file, "/example/page/other.gif", agent: "foobot"))
  }

  @Test("of two matches as long the one that allows decides")
  func equalLength() {
    #expect(allows("User-agent: *\nDisallow: /page\nAllow: /page", "/page"))
    #expect(allows("User-agent: *\nAllow: /page\nDisallow: /page", "/page"))
  }

  @Test(
    "wildcards and the end of a path match as in §2.2.3",
    arguments: [
      ("/this/*/exactly", "/this/path/exactly", true), ("/this/*/exactly", "/this/exactly", false),
      ("/this/path/exactly$", "/this/path/exactly", true), ("/this/path/exactly$", "/this/path/exactly/", false),
      ("/*.php$", "/a/index.php", true), ("/*.php$", "/a.php?x=.php", true), ("/*.php$", "/a.php5", false),
      ("/fish*", "/fishheads/x", true), ("/fish", "/Fish", false), ("/a*b*c", "/axxbyyc", true),
      ("/a*b*c", "/axxcyyb", false), ("*", "/", true), ("/$", "/", true), ("/$", "/x", false),
      ("/***a", "/bca", true),
    ])
  func wildcards(pattern: String, path: String, matches: Bool) {
    #expect(allows("User-agent: *\nDisallow: \(pattern)", path) == !matches)
  }

  @Test(
    "percent-encoding is compared by what it means, as the table of §2.2.2 has it",
    arguments: [
      ("/foo/bar?baz=quz", "/foo/bar?baz=quz"), ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https://foo.bar"),
      ("/foo/bar/U+E38384", "/foo/bar/U+E38384"), ("/foo/bar/ツ", "/foo/bar/%E3%83%84"),
      ("/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84"), ("/foo/bar/%62%61%7A", "/foo/bar/baz"),
    ])
  func encoding(pattern: String, path: String) {
    #expect(!allows("User-agent: *\nDisallow: \(pattern)", path))
  }

  @Test("groups that name the crawler count together, whatever their case and version")
  func mergedGroups() {
    let file = """
      user-agent: OpenTier/2.0
      disallow: /a
      user-agent: other
      disallow: /b

      USER-AGENT: opentier
      Disallow: /c   # a remark
      """
    #expect(!allows(file, "/a"))
    #expect(allows(file, "/b"))
    #expect(!allows(file, "/c"))
    #expect(allows(file, "/d"))
  }

  @Test("lines that are none, and those of other purposes, are passed over")
  func strangeLines() {
    let file =
      "\u{FEFF}junk\nDisallow: /before\nUser-agent: *\nSitemap: http://a/x\nUser-agent: z\n\rDisallow: /x\r\n<html>"
    #expect(!allows(file, "/x"))
    #expect(allows(file, "/before"))
    #expect(allows("", "/"))
    #expect(allows("User-agent: *\nDisallow:", "/"))
    #expect(allows("User-agent: *\nDisallow: /", "/robots.txt"))
  }

  @Test("a delay is read, and one that is none is not")
  func delay() {
    func delay(_ text: String) -> Double? { RobotsRules(Array(text.utf8), agent: "opentier").delay }
    #expect(delay("User-agent: *\nCrawl-delay: 2.5") == 2.5)
    #expect(delay("User-agent: *\nCrawl-delay: soon") == nil)
    #expect(delay("User-agent: *\nCrawl-delay: -1") == nil)
    #expect(delay("User-agent: other\nCrawl-delay: 9\nUser-agent: *\nDisallow: /x") == nil)
  }

  @Test("what is behind 500 KiB is not read")
  func size() {
    let filler = String(repeating: "#" + String(repeating: "x", count: 1_023), count: 499) + "\n"
    #expect(!allows("User-agent: *\n" + filler + "Disallow: /x", "/x"))
    #expect(allows("User-agent: *\n" + filler + filler + "\nDisallow: /x", "/x"))
  }

  @Test("a pattern made to take long does not")
  func effort() {
    let pattern = "/" + String(repeating: "*a", count: 1_000) + "b"
    let start = ContinuousClock.now
    #expect(allows("User-agent: *\nDisallow: \(pattern)", "/" + String(repeating: "a", count: 4_000)))
    #expect(ContinuousClock.now - start < .seconds(5))
  }
}

@Suite("The canonical form of an address")
struct CanonicalAddressTests {
  @Test(
    "is the same for all spellings of a page",
    arguments: [
      ("http://Example.com:80/a/./b/../c", "http://example.com/a/c"), ("http://a.b/%7euser", "http://a.b/~user"),
      ("http://a.b/%2f%c3%a9", "http://a.b/%2F%C3%A9"), ("http://a.b/..", "http://a.b/"), ("http://a.b", "http://a.b/"),
      ("http://a.b/x/.", "http://a.b/x/"), ("http://a.b/x?b=2&a=1#f", "http://a.b/x?b=2&a=1"),
      ("http://a.b/100%", "http://a.b/100%"), ("http://a.b/../../x", "http://a.b/x"),
      ("http://a.b//x", "http://a.b//x"),
      ("http://a.b/?q=..%2e/", "http://a.b/?q=.../"),
    ])
  func canonical(text: String, expected: String) throws {
    let canonical = try WebAddress(text).canonical
    #expect(canonical.text == expected)
    #expect(canonical.canonical == canonical)
  }

  @Test(
    "is what a link on a page leads to",
    arguments: [
      ("b.html", "http://a.b/x/b.html"), ("/c", "http://a.b/c"), ("../d", "http://a.b/d"), ("?q", "http://a.b/x/y?q"),
      ("#top", "http://a.b/x/y"), ("  e f\n", "http://a.b/x/e%20f"), ("é", "http://a.b/x/%C3%A9"),
      ("//other/z", "http://other/z"), ("https://a.b/s", "https://a.b/s"), ("back\\slash", "http://a.b/x/back/slash"),
    ])
  func link(reference: String, expected: String) throws {
    #expect(try WebAddress("http://a.b/x/y").linked(reference).text == expected)
  }

  @Test("what is no address of a page is refused", arguments: ["mailto:a@b.c", "javascript:x()", "ftp://a.b/"])
  func noPage(reference: String) throws {
    let page = try WebAddress("http://a.b/")
    #expect(throws: WebAddress.Malformed.self) { try page.linked(reference) }
  }

  @Test("a host is the same with its schemes' own ports, and another with any other")
  func host() throws {
    let page = try WebAddress("http://a.b/")
    #expect(page.hasSameHost(as: try WebAddress("https://a.b/")))
    #expect(!page.hasSameHost(as: try WebAddress("http://a.b:8080/")))
    #expect(!page.hasSameHost(as: try WebAddress("http://x.a.b/")))
  }
}
