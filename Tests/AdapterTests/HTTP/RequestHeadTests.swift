import HTTPTypes
import NIOHTTP1
import Testing

@testable import HTTPServer

@Suite("The head of a request, as the parser has it")
struct RequestHeadTests {
  private static func head(_ fields: [(String, String)]) -> RequestHead {
    RequestHead(
      HTTPRequestHead(version: .http1_1, method: .POST, uri: "/v1/completions?x=1", headers: HTTPHeaders(fields)))
  }

  @Test("a field is found whatever the case of its name, and several are joined in their order")
  func fields() throws {
    let head = Self.head([
      ("Content-TYPE", "application/json"), ("X-Request-ID", "a"), ("x-request-id", "b"), ("X-Request-Id-", "c"),
      ("content-length", "7"),
    ])
    #expect(head[.contentType] == "application/json")
    #expect(head[try #require(HTTPField.Name("X-Request-Id"))] == "a, b")
    #expect(head[.authorization] == nil)
    #expect(head.contentLength == 7)
    #expect(head.hasBody)
    // Those that differ from a name in one bit only are others.
    #expect(Self.head([("\u{1}ontent-length", "1"), ("Content\rlength", "2")])[.contentLength] == nil)
  }

  @Test("a head that was forgotten has nothing")
  func forgotten() {
    #expect(RequestHead.forgotten[.authorization] == nil)
    #expect(RequestHead.forgotten.path == "/")
  }
}
