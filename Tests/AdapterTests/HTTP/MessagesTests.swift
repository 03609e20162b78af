import Contract
import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@testable import HTTPServer

struct PathAndHeaderTests {
  @Test("percent-encoding is read strictly")
  func percentEncoding() {
    #expect(PercentEncoding.decode("a%20b%C3%BC") == "a bü")
    #expect(PercentEncoding.decode("a+b") == "a+b")
    #expect(PercentEncoding.decode("a+b", plusIsSpace: true) == "a b")
    #expect(PercentEncoding.decode("%") == nil)
    #expect(PercentEncoding.decode("%4") == nil)
    #expect(PercentEncoding.decode("%zz") == nil)
    #expect(PercentEncoding.decode("%ff") == nil)
  }

  @Test("a query is read in order, with empty values and names that come twice")
  func query() throws {
    let parameters = try required(PercentEncoding.query("a=1&b=&a=2&c&d=x%3Dy=z"))
    #expect(parameters.map(\.name) == ["a", "b", "a", "c", "d"])
    #expect(parameters.map(\.value) == ["1", "", "2", "", "x=y=z"])
    #expect(PercentEncoding.query("a=%zz") == nil)
  }

  @Test("dates are written as RFC 9110 has them")
  func dates() {
    #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(HTTPDate.text(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
    #expect(HTTPDate.text(951_827_696) == "Tue, 29 Feb 2000 12:34:56 GMT")
    #expect(HTTPDate.text(4_107_542_399) == "Sun, 28 Feb 2100 23:59:59 GMT")
  }

  @Test("parameters of media types are found within and without quotes")
  func mediaTypeParameters() {
    #expect(ContentType.parameter("charset", of: "text/plain; charset=UTF-8") == "UTF-8")
    #expect(ContentType.parameter("name", of: #"form-data; name="a;b"; filename="c\"d""#) == "a;b")
    #expect(ContentType.parameter("filename", of: #"form-data; name="a;b"; filename="c\"d""#) == "c\"d")
    #expect(ContentType.parameter("name", of: #"form-data; filename="; name=evil""#) == nil)
    #expect(ContentType.parameter("name", of: "form-data") == nil)
  }

  @Test("the client's request id is taken when it is harmless, and replaced when it is not")
  func requestIDs() throws {
    func id(_ given: String) -> String {
      RequestHead(
        HTTPRequest(
          method: .get, scheme: nil, authority: nil, path: "/", headerFields: [HTTPField.Name("x-request-id")!: given])
      ).requestID()
    }
    #expect(id("abc-1.2_Z") == "abc-1.2_Z")
    #expect(id(String(repeating: "a", count: 128)).count == 128)
    #expect(id(String(repeating: "a", count: 129)).count == 36)
    #expect(id("a b").count == 36)
    #expect(id("<script>").count == 36)
    #expect(id("").count == 36)
  }

  @Test(
    "what a client accepts is read with wildcards and weights",
    arguments: [
      (nil, true), ("*/*", true), ("text/*", true), ("text/event-stream", true), ("application/json", false),
      ("application/json, text/event-stream;q=0.5", true), ("text/event-stream;q=0", false),
    ])
  func accept(field: String?, isTaken: Bool) {
    var headers = HTTPFields()
    headers[.accept] = field
    let head = RequestHead(
      HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/", headerFields: headers))
    #expect(head.accepts("text/event-stream") == isTaken)
  }

  @Test("a target is a path, or a whole URL as proxies send it")
  func targets() {
    func path(_ target: String) -> [String] {
      let head = RequestHead(
        HTTPRequest(method: .get, scheme: nil, authority: nil, path: target, headerFields: [:]))
      return [head.path, head.query]
    }
    #expect(path("/a/b?c=d?e") == ["/a/b", "c=d?e"])
    #expect(path("http://example.org/a?b") == ["/a", "b"])
    #expect(path("http://example.org") == ["/", ""])
  }
}

struct RouteTableTests {
  private func table() -> RouteTable {
    var table = RouteTable()
    for (method, path) in [
      ("GET", "/a"), ("POST", "/a"), ("GET", "/a/{id}"), ("DELETE", "/a/{id}"), ("GET", "/a/b/c"),
      ("GET", "/a/{id}/d"), ("GET", "/"),
    ] {
      table.add(method, path, .endpoint { _ in Answer(empty: .ok) })
    }
    return table
  }

  private func found(_ method: String, _ path: String) -> String {
    switch table().match(method, path: path) {
    case .found(_, let template, let values): ([template] + values.map(String.init)).joined(separator: " ")
    case .methodNotAllowed(_, let allowed): "405 " + allowed.joined(separator: ",")
    case .notFound: "404"
    }
  }

  @Test("literal segments win over parameters, and a wrong turn is taken back")
  func matching() {
    #expect(found("GET", "/a") == "/a")
    #expect(found("GET", "/a/x%2Fy") == "/a/{id} x%2Fy")
    #expect(found("GET", "/a/b/c") == "/a/b/c")
    #expect(found("GET", "/a/b/d") == "/a/{id}/d b")
    #expect(found("GET", "/a/b") == "/a/{id} b")
    #expect(found("GET", "/") == "/")
    #expect(found("HEAD", "/a") == "/a")
  }

  @Test("what is not there is told from what takes other methods")
  func misses() {
    #expect(found("PUT", "/a") == "405 GET,HEAD,OPTIONS,POST")
    #expect(found("POST", "/a/x") == "405 DELETE,GET,HEAD,OPTIONS")
    for path in ["/b", "/a/", "//a", "/a//", "/a/x/", "", "a", "/a/b/c/d", "*"] {
      #expect(found("GET", path) == "404", "\(path)")
    }
  }
}

struct MultipartParserTests {
  private let form = """
    --XX\r\nContent-Disposition: form-data; name="title"\r\n\r\nA title\r\n--XX\r\n\
    Content-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n\
    one\r\n--X\r\n--XY\r\ntwo\r\n--XX\r\nContent-Disposition: form-data; name="empty"\r\n\r\n\r\n--XX--\r\nepilogue
    """

  private func parts(_ text: String, step: Int) throws -> [(headers: [String: String], text: String)] {
    var parser = try required(MultipartParser(boundary: "XX"))
    var parts: [(headers: [String: String], text: String)] = []
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: step) {
      for event in try parser.feed(bytes[start..<min(start + step, bytes.count)]) {
        switch event {
        case .began(let headers): parts.append((headers, ""))
        case .data(let data): parts[parts.count - 1].text += String(decoding: data, as: UTF8.self)
        case .ended: parts[parts.count - 1].text += "|"
        }
      }
    }
    #expect(parser.isAtEnd)
    return parts
  }

  @Test("a form gives the same parts however it is cut into pieces", arguments: [1, 2, 3, 5, 7, 11, 64, 4_096])
  func anyCut(step: Int) throws {
    let parts = try parts(form, step: step)
    #expect(parts.map(\.text) == ["A title|", "one\r\n--X\r\n--XY\r\ntwo|", "|"])
    #expect(parts[1].headers["content-type"] == "text/plain")
    #expect(parts[1].headers["content-disposition"] == #"form-data; name="file"; filename="a.txt""#)
  }

  @Test(
    "what breaks the framing is refused",
    arguments: [
      "hello\r\n--XX\r\n\r\n", "--XY\r\na: b\r\n\r\n", "--XXa: b\r\n\r\n", "--XX\r\nno colon\r\n\r\n",
      "--XX\r\na: b\r\nA: c\r\n\r\n", "--XX\r\n: b\r\n\r\n",
    ])
  func malformed(text: String) throws {
    var parser = try required(MultipartParser(boundary: "XX"))
    #expect {
      _ = try parser.feed(text.utf8)
    } throws: { error in
      if case MultipartParser.Failure.malformed = error { true } else { false }
    }
  }

  @Test("the limits of parts and of their headers hold at the edge")
  func limits() throws {
    let part = "\r\na: b\r\n\r\nx\r\n--XX"
    var fits = try required(MultipartParser(boundary: "XX"))
    _ = try fits.feed(("--XX" + String(repeating: part, count: MultipartParser.maximumParts) + "--").utf8)
    #expect(fits.isAtEnd)
    var tooMany = try required(MultipartParser(boundary: "XX"))
    #expect(throws: MultipartParser.Failure.tooManyParts) {
      _ = try tooMany.feed(("--XX" + String(repeating: part, count: MultipartParser.maximumParts + 1) + "--").utf8)
    }
    let longest = "a: " + String(repeating: "b", count: MultipartParser.maximumHeaderBytes - 3)
    var longHeader = try required(MultipartParser(boundary: "XX"))
    #expect(try longHeader.feed("--XX\r\n\(longest)\r\n\r\n".utf8).count == 1)
    var tooLong = try required(MultipartParser(boundary: "XX"))
    #expect(throws: MultipartParser.Failure.headersTooLong) {
      _ = try tooLong.feed("--XX\r\n\(longest)b\r\n\r\n".utf8)
    }
    // The same byte by byte, where the blank line behind the header comes in four parts.
    var longPieces = try required(MultipartParser(boundary: "XX"))
    #expect(try "--XX\r\n\(longest)\r\n\r\n".utf8.flatMap { try longPieces.feed([$0]) }.count == 1)
    var tooLongPieces = try required(MultipartParser(boundary: "XX"))
    #expect(throws: MultipartParser.Failure.headersTooLong) {
      for byte in "--XX\r\n\(longest)b\r\n\r\n".utf8 { _ = try tooLongPieces.feed([byte]) }
    }
    #expect(MultipartParser(boundary: "") == nil)
    #expect(MultipartParser(boundary: String(repeating: "b", count: 71)) == nil)
  }

  @Test("a form that ends early is not at its end")
  func truncated() throws {
    var parser = try required(MultipartParser(boundary: "XX"))
    _ = try parser.feed("--XX\r\na: b\r\n\r\nhalf".utf8)
    #expect(!parser.isAtEnd)
  }
}
