import Application
import Contract
import Domain
import HTTPServer
import InMemoryStorage
import NIOHTTP1
import Testing

struct BadInputTests {
  @Test(
    "a body that is not the message is refused in words, and changes nothing",
    arguments: [
      ("{", "ends too early"), ("", "email"), ("[]", "malformed"), ("null", "null is not allowed"), ("{}", "email"),
      (#"{"email":1}"#, "a string is expected"), (#"{"nonsense":1}"#, #"no field "nonsense""#),
      (#"{"email":"a@b.c"}x"#, "follows the end"), (#"{"email":"a@b.c","email":1}"#, "string"),
      (#"{"email":"no address","password":"correct horse","displayName":"A"}"#, "email must be"),
      (#"{"email":"a@b.c","password":"short","displayName":"A"}"#, "at least 10 characters"),
      (#"{"email":"a@b.c","password":"correct horse","displayName":" "}"#, "displayName"),
      (#"{"email":"a@b.c","password":"correct\u0000horse","displayName":"A"}"#, "U+0000"),
      (#"{"email":"a@b.c","password":"correct horse","displayName":"A\u0000"}"#, "displayName must not contain U+0000"),
      (#"{"email":"\ud800","password":"correct horse","displayName":"A"}"#, "string"),
    ])
  func malformed(body: String, words: String) async throws {
    try await ServerUnderTest.run { server in
      let reply = try await server.ask(.POST, "/api/v1/auth/signup", body: Array(body.utf8))
      #expect(reply.status == 400, "\(reply.text)")
      #expect(reply.code == "invalid_argument")
      #expect(reply.json["message"]?.string?.contains(words) == true, "\(reply.text)")
      #expect(reply.json["details"] == .array([]) || reply.json["details"]?.items.isEmpty == false)
      #expect(reply.headers.first(name: "x-request-id")?.isEmpty == false)
      #expect(try await server.world.storage.users.credentials(for: required(EmailAddress("a@b.c"))) == nil)
    }
  }

  @Test("invalid UTF-8 is refused")
  func invalidUTF8() async throws {
    try await ServerUnderTest.run { server in
      let body = Array(#"{"email":""#.utf8) + [0xc3, 0x28] + Array(#""}"#.utf8)
      let reply = try await server.ask(.POST, "/api/v1/auth/signin", body: body)
      #expect(reply.status == 400)
      #expect(reply.code == "invalid_argument")
    }
  }

  @Test("nesting is limited, and the deepest that is allowed is allowed")
  func nesting() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      func submit(_ depth: Int) async throws -> ServerUnderTest.Reply {
        let value = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        return try await server.api(
          .POST, "/submissions", #"{"title":"T","text":"x","metadata":{"a":\#(value)}}"#, token: token)
      }
      #expect(try await submit(10).status == 200)
      #expect(try await submit(30).code == "invalid_argument")
      #expect(try await submit(5_000).code == "invalid_argument")
      #expect(try await server.api(.GET, "/submissions", token: token).json["submissions"]?.items.count == 1)
    }
  }

  @Test("a body over its path's limit is 413, one at the limit is read")
  func sizes() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let limit = HTTPLimits().standardBody
      let fits = #"{"query":""# + String(repeating: "x", count: limit - 12) + #""}"#
      #expect(fits.utf8.count == limit)
      let read = try await server.api(.POST, "/search", fits, token: token)
      #expect(read.code == "invalid_argument")
      #expect(read.json["message"]?.string?.contains("8000") == true)
      let over = try await server.api(.POST, "/search", fits + " ", token: token)
      #expect(over.status == 413)
      #expect(over.code == "resource_exhausted")
      let huge = String(repeating: "x", count: 10 << 20)
      #expect(try await server.api(.POST, "/auth/signin", huge).status == 413)
      #expect(try await server.api(.POST, "/chat", #"{"message":"\#(huge)"}"#, token: token).status == 413)
      // The same ten megabytes are welcome where texts are handed in.
      let text = try await server.api(.POST, "/submissions", #"{"title":"T","text":"\#(huge)"}"#, token: token)
      #expect(text.status == 200)
    }
  }

  @Test("a body in chunks is held to the same limit, and the connection stays in order")
  func chunkedBody() async throws {
    try await ServerUnderTest.run { server in
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(
          "POST /api/v1/auth/signin HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n")
        let chunk = String(repeating: "x", count: 0x8000)
        for _ in 0..<5 { try await connection.write("8000\r\n\(chunk)\r\n") }
        try await connection.write("0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        try await connection.readToEnd()
        #expect(connection.text.hasPrefix("HTTP/1.1 413"))
        #expect(connection.text.contains(#"{"status":"ok"}"#))
      }
    }
  }

  @Test("a client that asks first is told not to send what would be refused, and to send what would not")
  func expectContinue() async throws {
    try await ServerUnderTest.run { server in
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(
          "POST /api/v1/auth/signin HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            + "Content-Length: 10000000\r\nExpect: 100-continue\r\n\r\n")
        try await connection.readToEnd()
        #expect(connection.text.hasPrefix("HTTP/1.1 413"))
        #expect(!connection.text.contains("100 Continue"))
      }
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(
          "POST /api/v1/auth/signin HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            + "Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        try await connection.read(until: "\r\n\r\n")
        #expect(connection.text == "HTTP/1.1 100 Continue\r\n\r\n")
        try await connection.write("{}")
        try await connection.readToEnd()
        #expect(connection.text.contains("HTTP/1.1 400"))
      }
    }
  }

  @Test(
    "other media types, charsets and compressed bodies are 415",
    arguments: [
      ("application/x-www-form-urlencoded", nil), ("text/plain", nil), (nil, nil),
      ("application/json; charset=latin1", nil), ("application/json", "gzip"), ("multipart/form-data", nil),
    ] as [(String?, String?)])
  func mediaTypes(type: String?, coding: String?) async throws {
    try await ServerUnderTest.run { server in
      let reply = try await server.ask(
        .POST, "/api/v1/auth/signin", body: Array("{}".utf8), type: type,
        headers: coding.map { [("content-encoding", $0)] } ?? [])
      #expect(reply.status == 415)
      #expect(reply.code == "invalid_argument")
    }
  }

  @Test("JSON with its charset named is read")
  func charset() async throws {
    try await ServerUnderTest.run { server in
      _ = try await server.signUp("ada")
      let reply = try await server.ask(
        .POST, "/api/v1/auth/signin", body: Array(#"{"email":"ada@example.org","password":"correct horse"}"#.utf8),
        type: "Application/JSON; charset=UTF-8")
      #expect(reply.status == 200)
    }
  }

  @Test("unknown paths and methods have the shape of errors")
  func pathsAndMethods() async throws {
    try await ServerUnderTest.run { server in
      for path in ["/nothing", "/api/v1/nothing", "/api/v2/auth/me", "/api/v1/conversations/", "/app.js.map", "/..%2f"]
      {
        let reply = try await server.ask(.GET, path)
        #expect(reply.status == 404, "\(path)")
        #expect(reply.code == "not_found", "\(path)")
      }
      let wrong = try await server.ask(.PUT, "/api/v1/conversations")
      #expect(wrong.status == 405)
      #expect(wrong.code == "unimplemented")
      #expect(wrong.headers.first(name: "allow") == "GET, HEAD, OPTIONS, POST")
      let options = try await server.ask(.OPTIONS, "/api/v1/chat")
      #expect(options.status == 204)
      #expect(options.headers.first(name: "allow") == "OPTIONS, POST")
      #expect(try await server.ask(.HEAD, "/api/v1/jobs/x/events").status == 405)
      let head = try await server.ask(.HEAD, "/healthz")
      #expect(head.status == 200)
      #expect(head.bytes.isEmpty)
      #expect(head.headers.first(name: "content-length") == "15")
    }
  }

  @Test("a broken request line is 400, and the server goes on")
  func brokenRequests() async throws {
    try await ServerUnderTest.run { server in
      for request in ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n", "GET /\u{0} HTTP/1.1\r\n\r\n"] {
        try await RawConnection.open(port: server.port) { connection in
          try await connection.write(request)
          try await connection.readToEnd()
          #expect(connection.text.isEmpty || connection.text.hasPrefix("HTTP/1.1 400"), "\(connection.text)")
        }
      }
      #expect(try await server.ask(.GET, "/healthz").status == 200)
    }
  }

  @Test("query parameters are read strictly")
  func query() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      for query in [
        "pageSize=0", "pageSize=201", "pageSize=ten", "nonsense=1", "pageToken=nonsense", "pageSize=1&pageSize=2",
        "%zz=1",
        "pageSize=99999999999",
      ] {
        let reply = try await server.api(.GET, "/conversations?\(query)", token: token)
        #expect(reply.status == 400, "\(query)")
        #expect(reply.code == "invalid_argument", "\(query)")
      }
      #expect(try await server.api(.GET, "/conversations?pageSize=200", token: token).status == 200)
      #expect(try await server.api(.POST, "/conversations?title=x", "{}", token: token).code == "invalid_argument")
      #expect(try await server.api(.GET, "/conversations", "{}", token: token).code == "invalid_argument")
    }
  }

  @Test(
    "forms that are none, or hold too much, are refused",
    arguments: [
      ("--XX\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nT\r\n--XX--", "file must be given"),
      ("--XX\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--XX--", "filename"),
      ("--XX\r\nContent-Disposition: form-data; name=\"nonsense\"\r\n\r\nx\r\n--XX--", "no part"),
      ("--XX\r\nContent-Type: text/plain\r\n\r\nx\r\n--XX--", "Content-Disposition"),
      ("--XX\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n[]\r\n--XX--", "JSON object"),
      ("--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx", "ends before"),
      ("nonsense", "malformed"), ("", "ends before"),
      ("--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\r\n--XX--", "the file is empty"),
    ])
  func badForms(form: String, words: String) async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let reply = try await server.ask(
        .POST, "/api/v1/submissions", body: Array(form.utf8), type: "multipart/form-data; boundary=XX", token: token)
      #expect(reply.status == 400, "\(reply.text)")
      #expect(reply.json["message"]?.string?.contains(words) == true, "\(reply.text)")
      #expect(try await server.api(.GET, "/submissions", token: token).json["submissions"] == .array([]))
    }
  }

  @Test("a file and a field of a form are limited, at the edge")
  func formLimits() async throws {
    try await ServerUnderTest.run {
      $0.limits.uploadedFile = 1_000
    } _: { server in
      let token = try await server.signUp("ada")
      func upload(file: Int, title: Int) async throws -> Int {
        let form = """
          --XX\r\nContent-Disposition: form-data; name="title"\r\n\r\n\(String(repeating: "t", count: title))\r\n\
          --XX\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n\
          \(String(repeating: "x", count: file))\r\n--XX--
          """
        return try await server.ask(
          .POST, "/api/v1/submissions", body: Array(form.utf8), type: "multipart/form-data; boundary=XX", token: token
        ).status
      }
      #expect(try await upload(file: 1_000, title: 500) == 200)
      #expect(try await upload(file: 1_001, title: 500) == 413)
      #expect(try await upload(file: 10, title: 501) == 400)
      #expect(try await upload(file: 10, title: 70_000) == 413)
    }
  }

  @Test("a file too large for memory goes through the disk, and comes out as it was, at the limit's edge")
  func largeFile() async throws {
    try await ServerUnderTest.run {
      $0.limits.uploadedFile = 3_000_000
    } _: { server in
      let token = try await server.signUp("ada")
      let line = "A line of prose that is told apart by its number: "
      var text = ""
      while text.utf8.count < 3_000_000 { text += line + String(text.utf8.count) + "\n" }
      func upload(_ text: Substring.UTF8View) async throws -> ServerUnderTest.Reply {
        let head = #"Content-Disposition: form-data; name="file"; filename="a.txt""#
        let form = Array("--XX\r\n\(head)\r\n\r\n".utf8) + Array(text) + Array("\r\n--XX--".utf8)
        return try await server.ask(
          .POST, "/api/v1/submissions", body: form, type: "multipart/form-data; boundary=XX", token: token)
      }
      let whole = try await upload(text.utf8.prefix(3_000_000))
      #expect(whole.status == 200, "\(whole.text)")
      let submission = try required(whole.json["submission"])
      #expect(submission["byteCount"]?.number == 3_000_000)
      let id = try required(submission["id"]?.string)
      let shown = try await server.api(.GET, "/submissions/\(id)", token: token).json["text"]?.string
      #expect(shown.map { text.hasPrefix($0) && $0.utf8.count > 1_000_000 } == true)
      #expect(try await upload(text.utf8.prefix(3_000_001)).status == 413)
    }
  }
}
