import Application
import Domain
import Testing

@testable import Egress

@Suite("A web address")
struct WebAddressTests {
  @Test(
    "is read into one normal form",
    arguments: [
      ("http://Example.COM", "http://example.com/"), ("HTTPS://example.com.:443/a", "https://example.com/a"),
      ("http://example.com:80?q=1#f", "http://example.com/?q=1"),
      ("http://example.com:8080/#f", "http://example.com:8080/"),
      ("http://127.0.0.1/x", "http://127.0.0.1/x"), ("http://[::1]:81/", "http://[0:0:0:0:0:0:0:1]:81/"),
      ("http://[2001:DB8::1.2.3.4]/", "http://[2001:db8:0:0:0:0:102:304]/"),
      ("http://xn--bcher-kva.example/a%20b", "http://xn--bcher-kva.example/a%20b"),
      ("http://my_host/", "http://my_host/"), ("http://a/b@c", "http://a/b@c"),
    ])
  func normal(text: String, expected: String) throws { #expect(try WebAddress(text).text == expected) }

  @Test(
    "is refused when it is not plainly one",
    arguments: [
      "", "example.com", "ftp://example.com/", "file:///etc/passwd", "gopher://a/", "http:/a", "http://", "http:///a",
      "http://user@example.com/", "http://user:pw@example.com/", "http://good.example@evil.example/", "http://a:b/",
      "http://a:0/", "http://a:65536/", "http://a:+80/", "http://a:/", "http://a b/", "http://a/\r\nx", "http://a\\b/",
      "http://bücher.example/", "http://-a/", "http://a..b/", "http://.a/", "http://[::1/", "http://[::g]/",
      "http://[1:2:3]/", "http://[fe80::1%25eth0]/", "http://[1::2::3]/", "http://[::1]x/", "http://a,b/",
      "http://127.1/", "http://0x7f.0.0.1/", "http://2130706433/", "http://0177.0.0.1/", "http://1.2.3.256/",
      "http://1.2.3.4.5/", "http://%31/", "javascript:alert(1)",
    ])
  func refused(text: String) { #expect(throws: WebAddress.Malformed.self) { try WebAddress(text) } }

  @Test("has at most 4096 bytes")
  func length() {
    let longest = "http://a/" + String(repeating: "x", count: WebAddress.maximumLength - 9)
    #expect((try? WebAddress(longest)) != nil)
    #expect(throws: WebAddress.Malformed.self) { try WebAddress(longest + "x") }
  }

  @Test(
    "resolves what a redirect says",
    arguments: [
      ("/x", "http://a:81/x"), ("x?y", "http://a:81/b/x?y"), ("?z", "http://a:81/b/c?z"), ("//o/p", "http://o/p"),
      ("https://o/p", "https://o/p"), ("#f", "http://a:81/b/c?q"), ("", "http://a:81/b/c?q"),
    ])
  func resolves(reference: String, expected: String) throws {
    #expect(try WebAddress("http://a:81/b/c?q").resolving(reference).text == expected)
  }

  @Test("of a redirect to another scheme is refused", arguments: ["file:///etc/passwd", "data:text/plain,x", "//u@o/"])
  func resolvesRefused(reference: String) throws {
    let address = try WebAddress("http://a/")
    #expect(throws: WebAddress.Malformed.self) { try address.resolving(reference) }
  }

  @Test(
    "names the file at its end",
    arguments: [
      ("http://a/b/report.md?x", "report.md"), ("http://a/", nil), ("http://a/b%20c.txt", "b c.txt"),
      ("http://a/b%2F..%2Fc", "b..c"), ("http://a/%2e%2e", nil), ("http://a/x%00%0Ay", "xy"), ("http://a/50%", "50%"),
      ("http://a/%+1", "%+1"),
    ])
  func fileName(text: String, expected: String?) throws { #expect(try WebAddress(text).fileName == expected) }
}

@Suite("The policy of outgoing connections")
struct EgressPolicyTests {
  private func allows(_ policy: EgressPolicy, _ url: String) -> Bool { (try? policy.check(url)) != nil }

  @Test("an empty list allows nothing")
  func empty() throws { #expect(!allows(try EgressPolicy(allow: []), "http://example.com/")) }

  @Test("a host without a port means the ports 80 and 443")
  func host() throws {
    let policy = try EgressPolicy(allow: ["Docs.Example.com."])
    #expect(allows(policy, "http://docs.example.com/a"))
    #expect(allows(policy, "https://DOCS.example.com./a"))
    #expect(allows(policy, "http://docs.example.com:443/"))
    #expect(!allows(policy, "http://docs.example.com:8080/"))
    #expect(!allows(policy, "http://example.com/"))
    #expect(!allows(policy, "http://x.docs.example.com/"))
    #expect(!allows(policy, "http://docs.example.com.evil.example/"))
  }

  @Test("a host with a port means that port")
  func port() throws {
    let policy = try EgressPolicy(allow: ["127.0.0.1:11434", "[::1]:8000", "a.example:443"])
    #expect(allows(policy, "http://127.0.0.1:11434/v1"))
    #expect(!allows(policy, "http://127.0.0.1/v1"))
    #expect(allows(policy, "http://[0:0::1]:8000/"))
    #expect(allows(policy, "https://a.example/"))
    #expect(!allows(policy, "http://a.example/"))
  }

  @Test("a refusal names the host, the port and the setting")
  func message() throws {
    let policy = try EgressPolicy(allow: ["a"])
    let refusal = FetchFailure.refused(
      "this server may not connect to [0:0:0:0:0:0:0:1]:80; an operator can add it to the setting egress.allow")
    #expect(throws: refusal) { try policy.check("http://[::1]/") }
  }

  @Test(
    "a line that is no host is refused at the start, with the accepted form",
    arguments: ["", "http://a", "*.example.com", "a:0", "a/b", "a b", "[::1", "user@a"])
  func badEntry(entry: String) {
    #expect {
      try EgressPolicy(allow: ["good.example", entry])
    } throws: { "\($0)".hasPrefix("egress.allow: \(entry): ") && "\($0)".contains("host:port") }
  }
}
