import Domain
import FoundationEssentials
import Testing

@Suite("Identity values")
struct IdentityValueTests {
  @Test("ids read either case, print lower case, and refuse anything else")
  func ids() {
    let text = "019a6B1e-0000-7000-8000-00000000000F"
    #expect(UserID(text)?.description == text.lowercased())
    for bad in ["", "x", "019a6b1e00007000800000000000000f", text + "0", "{\(text)}"] { #expect(UserID(bad) == nil) }
  }

  @Test("tokens are exactly 64 ASCII letters and digits")
  func tokens() {
    let good = String(repeating: "aZ09", count: 16)
    #expect(SessionToken(good)?.text == good)
    for bad in [good.dropLast() + "", good + "a", good.dropLast() + "-", good.dropLast() + "é", good.dropLast() + " "] {
      #expect(SessionToken(bad) == nil)
    }
  }

  @Test("addresses are trimmed and lower-cased; the limits hold at their edges")
  func addresses() {
    #expect(EmailAddress(" Ada@Example.ORG ")?.text == "ada@example.org")
    let domain = String(repeating: "d", count: 254 - 65)
    #expect(EmailAddress(String(repeating: "l", count: 64) + "@" + domain) != nil)
    #expect(EmailAddress(String(repeating: "l", count: 64) + "@" + domain + "d") == nil)
    #expect(EmailAddress(String(repeating: "l", count: 65) + "@x.org") == nil)
    for bad in ["a@", "@b", "a b@c", "a@b@c", "a@.b", "a@b.", "a@b..c", "a\u{0}@b"] {
      #expect(EmailAddress(bad) == nil)
    }
  }

  @Test("page tokens come back as they went, and forged ones are refused")
  func cursors() {
    let cursor = PageCursor(microseconds: 1_800_000_000_123_456, id: UUID())
    #expect(PageCursor(token: cursor.token) == cursor)
    for bad in ["", ".", "abc", "1.2", cursor.token + "0", "zz!." + String(repeating: "0", count: 32)] {
      #expect(PageCursor(token: bad) == nil)
    }
    #expect(PageRequest(size: 0).size == 1)
    #expect(PageRequest(size: 1_000).size == PageRequest.maximumSize)
  }

  @Test("times survive storage to the microsecond")
  func times() {
    for microseconds: Int64 in [0, 1, 1_799_999_999_999_999, 1_800_000_000_123_457] {
      #expect(Date(microseconds: microseconds).microseconds == microseconds)
    }
  }
}
