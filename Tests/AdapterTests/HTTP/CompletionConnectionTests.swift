import Application
import Domain
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Testing

@testable import HTTPServer

/// Completions have a path of their own through a connection; whatever comes before, behind and between them is answered in
/// its order.
@Suite("Completions on their connection")
struct CompletionConnectionTests {
  private static let question = #"{"model":"scripted","messages":[{"role":"user","content":"hello?"}]}"#
  private static let stream = question.replacing(#""model""#, with: #""stream":true,"model""#)

  private static func request(
    _ body: String, _ token: String, version: String = "1.1", headers: String = "", length: Bool = true
  ) -> String {
    "POST /v1/chat/completions HTTP/\(version)\r\nHost: x\r\nAuthorization: Bearer \(token)\r\n"
      + "Content-Type: application/json\r\n" + headers
      + (length ? "Content-Length: \(body.utf8.count)\r\n\r\n" : "\r\n") + body
  }

  private static let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

  private static func count(_ text: String, in whole: String) -> Int { whole.ranges(of: text).count }

  @Test("a connection serves a stream, then a whole answer, then something else")
  func kept() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.request(Self.stream, token))
        #expect(try await connection.read(until: "data: [DONE]\n\n\r\n0\r\n\r\n"))
        try await connection.write(Self.request(Self.question, token))
        #expect(try await connection.read(until: #""total_tokens":16"#))
        try await connection.write(Self.health)
        #expect(try await connection.read(until: #"{"status":"ok"}"#))
        try await connection.write(Self.request(Self.stream, token))
        #expect(try await connection.read(until: "data: [DONE]"))
        #expect(!connection.text.lowercased().contains("connection: close"))
      }
    }
  }

  @Test("requests that are sent at once are answered in their order")
  func pipelined() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(
          Self.health + Self.request(Self.stream, token) + Self.health + Self.request(Self.question, token)
            + Self.health)
        while Self.count(#"{"status":"ok"}"#, in: connection.text) < 3 {
          let seen = connection.received.count
          guard try await connection.readMore(), connection.received.count > seen else { break }
        }
        let text = connection.text
        let places = [
          #"{"status":"ok"}"#, "data: [DONE]", #"{"status":"ok"}"#, #""total_tokens":16"#, #"{"status":"ok"}"#,
        ]
        var rest = text[...]
        for mark in places {
          let place = try #require(rest.firstRange(of: mark), "\(mark) in \(rest)")
          rest = rest[place.upperBound...]
        }
        #expect(Self.count("HTTP/1.1 200 OK", in: text) == 5)
      }
    }
  }

  @Test("bytes one by one, and a body in chunks, are the same request")
  func pieces() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        for byte in Self.request(Self.question, token).utf8 { try await connection.write([byte]) }
        #expect(try await connection.read(until: #""total_tokens":16"#))
        let size = String(Self.question.utf8.count, radix: 16)
        try await connection.write(
          Self.request("", token, headers: "Transfer-Encoding: chunked\r\n", length: false)
            + "\(size)\r\n\(Self.question)\r\n0\r\n\r\n")
        try await connection.write(Self.health)
        #expect(try await connection.read(until: #"{"status":"ok"}"#))
        #expect(Self.count(#""total_tokens":16"#, in: connection.text) == 2)
      }
    }
  }

  @Test("a client that waits for 100 gets it once it may send, and a refusal in its place where it may not")
  func continues() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let length = "Content-Length: \(Self.question.utf8.count)\r\nExpect: 100-continue\r\n"
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.request("", token, headers: length, length: false))
        #expect(try await connection.read(until: "HTTP/1.1 100 Continue\r\n\r\n"))
        #expect(!connection.text.contains("200"))
        try await connection.write(Self.question)
        #expect(try await connection.read(until: #""total_tokens":16"#))
      }
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.request("", "otk_wrong", headers: length, length: false))
        try await connection.readToEnd()
        #expect(connection.text.hasPrefix("HTTP/1.1 401 "))
        #expect(!connection.text.contains("100 Continue"))
        #expect(connection.text.contains("connection: close\r\n"))
      }
    }
  }

  @Test("a client of HTTP/1.0 reads until the connection is closed")
  func old() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      for body in [Self.stream, Self.question] {
        try await RawConnection.open(port: server.port) { connection in
          try await connection.write(Self.request(body, token, version: "1.0"))
          try await connection.readToEnd()
          #expect(!connection.text.lowercased().contains("transfer-encoding"))
          #expect(connection.text.contains("From what I read"))
        }
      }
    }
  }

  @Test("of a stranger no more is read than one look, whatever is announced")
  func strangers() async throws {
    try await ServerUnderTest.run(configure: { $0.limits.drainedBody = 1 << 20 }) { server in
      let size = 3 << 20
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(
          Self.request("", "otk_wrong", headers: "Content-Length: \(size)\r\n", length: false))
        let part = [UInt8](repeating: 0x20, count: 64 << 10)
        // The server may close the connection while this is written.
        for _ in 0..<(size / part.count) { do { try await connection.write(part) } catch { break } }
        do { try await connection.readToEnd() } catch {}
        // Behind 1 MiB the answer comes, and the connection is closed.
        #expect(connection.text.isEmpty || connection.text.hasPrefix("HTTP/1.1 401 "))
      }
      #expect(try await server.ask(.GET, "/healthz").status == 200)
    }
  }

  @Test("what is no HTTP behind a request ends the connection behind the answer")
  func garbage() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.request(Self.question, token) + "\u{1}\u{2} nonsense\r\n\r\n")
        try await connection.readToEnd()
        #expect(connection.text.contains(#""total_tokens":16"#))
      }
    }
  }

  @Test(
    "the model is stopped when its client leaves, whether it reads a stream or waits for all", arguments: [true, false])
  func leaving(isStream: Bool) async throws {
    let world = WireWorld(model: ScriptedModel(.hang(["a"])))
    try await ServerUnderTest.run(world: world) { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.request(isStream ? Self.stream : Self.question, token))
        try await eventually { world.model.emitted == 1 }
      }
      let left = ContinuousClock.now
      try await eventually { world.model.cancellation != nil }
      let stopped = try #require(world.model.cancellation)
      #expect(stopped - left < .milliseconds(500))
    }
  }

  @Test("a model goes on no faster than its reader takes it")
  func slowReader() async throws {
    let part = String(repeating: "x", count: 10_000)
    let world = WireWorld(model: ScriptedModel(.flood(part, times: 10_000)))
    try await ServerUnderTest.run(world: world) { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.request(Self.stream, token))
        #expect(try await connection.read(until: "200 OK"))
        var last = -1
        // Until it stands still: then everything between the two is full.
        try await eventually {
          let now = world.model.emitted
          defer { last = now }
          try await Task.sleep(for: .milliseconds(100))
          return now == last
        }
        #expect(world.model.emitted < 5_000)
      }
    }
  }

  @Test("an idle connection is closed, one that is answered is not")
  func idle() async throws {
    let world = WireWorld(model: ScriptedModel(.drip(["a", "b", "c"], every: .milliseconds(700))))
    try await ServerUnderTest.run(world: world, configure: { $0.limits.idleSeconds = 1 }) { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.request(Self.stream, token))
        #expect(try await connection.read(until: "data: [DONE]"))
        // Nothing comes from here any more.
        try await connection.readToEnd()
      }
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        try await connection.readToEnd()
        #expect(connection.text.isEmpty)
      }
    }
  }

  @Test("a server that is told to stop lets a stream end, and cuts off what outlasts its grace time")
  func stopping() async throws {
    let world = WireWorld(model: ScriptedModel(.drip(["a", "b"], every: .milliseconds(200))))
    try await ServerUnderTest.run(world: world, configure: { $0.shutdownGrace = .seconds(5) }) { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.request(Self.stream, token))
        #expect(try await connection.read(until: #""content":"a""#))
        await server.group.triggerGracefulShutdown()
        try await connection.readToEnd()
        #expect(connection.text.contains("data: [DONE]"))
      }
    }
    let hanging = WireWorld(model: ScriptedModel(.hang(["a"])))
    try await ServerUnderTest.run(world: hanging, configure: { $0.shutdownGrace = .milliseconds(200) }) { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.request(Self.stream, token))
        #expect(try await connection.read(until: #""content":"a""#))
        await server.group.triggerGracefulShutdown()
        do { try await connection.readToEnd() } catch {}
        #expect(!connection.text.contains("[DONE]"))
      }
      try await eventually { hanging.model.cancellation != nil }
      #expect(hanging.model.cancellation != nil)
    }
  }

  @Test("the grace time cuts off a request too whose body does not end, at either path")
  func stoppingAmidABody() async throws {
    for path in ["/v1/chat/completions", "/mcp"] {
      try await ServerUnderTest.run(configure: { $0.shutdownGrace = .milliseconds(200) }) { server in
        try await RawConnection.open(port: server.port) { connection in
          try await connection.write("POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
          try await RawConnection.open(port: server.port) { idle in
            try await idle.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await idle.read(until: "\r\n\r\n"))
            await server.group.triggerGracefulShutdown()
            do { try await idle.readToEnd() } catch {}
          }
          do { try await connection.readToEnd() } catch {}
          #expect(!connection.text.hasPrefix("HTTP/1.1 200"))
        }
      }
    }
  }

  @Test("what a request may be written as gives the same command, read at once or by the decoder")
  func commonForm() throws {
    let bodies = [
      Self.question, Self.stream,
      #"{"messages":[{"content":"a\n\"b\" \u00e9 \ud83d\ude00","role":"system"},{"role":"user","content":"ü"}], "model":"m","temperature":0.5,"top_p":1,"max_tokens":7,"seed":-3,"stream_options":{"include_usage":true},"stream":true,"user":"x"}"#,
      #"{"model":"m","messages":[{"role":"user","content":"a"}],"max_completion_tokens":9}"#,
    ]
    for body in bodies {
      let common = try #require(ChatCompletionRequest.common(ByteBuffer(string: body)), "\(body)")
      let decoded = try OpenAIRequestReading.read(ChatCompletionRequest.self, from: Array(body.utf8))
      #expect(try common.command() == decoded.command())
      #expect(common.stream == decoded.stream)
      #expect(common.stream_options?.include_usage == decoded.stream_options?.include_usage)
    }
    for other in [
      #"{"model":"m"}"#, #"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}"#,
      #"{"model":"m","messages":[],"tools":[]}"#, #"{"model":5,"messages":[]}"#, #"{"model":"m","messages":[]"#,
      #"{"model":"m","messages":[],"max_tokens":1.5}"#, #"{"model":"m","messages":[]} x"#,
    ] {
      #expect(ChatCompletionRequest.common(ByteBuffer(string: other)) == nil, "\(other)")
    }
  }
}
