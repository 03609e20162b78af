import Application
import Domain
import HTTPServer
import NIOHTTP1
import ServiceLifecycle
import Testing

struct StreamingTests {
  private static func chat(_ token: String, _ json: String = #"{"message":"hello?"}"#) -> String {
    "POST /api/v1/chat HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(token)\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(json.utf8.count)\r\n\r\n\(json)"
  }

  @Test("a client that goes away cancels the model's call, and what came is kept")
  func disconnect() async throws {
    let world = WireWorld(model: ScriptedModel(.hang(["The beginning "])))
    try await ServerUnderTest.run(world: world) { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.chat(token))
        #expect(try await connection.read(until: "The beginning"))
      }
      try await eventually { world.model.cancellation != nil }
      #expect(world.model.cancellation != nil)
      let conversations = try await server.api(.GET, "/conversations", token: token)
      let id = try required(conversations.json["conversations"]?[0]?["id"]?.string)
      var answer: JSON?
      try await eventually {
        answer = try await server.api(.GET, "/conversations/\(id)/messages", token: token).json["messages"]?[1]
        return answer != nil
      }
      #expect(answer?["content"]?.string == "The beginning ")
      #expect(answer?["finishReason"]?.string == "cancelled")
    }
  }

  @Test("cancelling by id ends the stream with the finish reason cancelled")
  func cancel() async throws {
    let world = WireWorld(model: ScriptedModel(.hang(["The beginning "])))
    try await ServerUnderTest.run(world: world) { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.chat(token))
        try await connection.read(until: "The beginning")
        let body = connection.text.components(separatedBy: "\r\n\r\n").dropFirst().joined()
        let id = try required(body.components(separatedBy: #""messageId":""#).last?.prefix(36).description)
        #expect(try await server.api(.POST, "/chat/\(id)/cancel", token: token).text == "{}")
        try await connection.readToEnd()
        #expect(connection.text.contains(#"{"finishReason":"cancelled""#))
        #expect(try await server.api(.POST, "/chat/\(id)/cancel", token: token).status == 404)
      }
    }
  }

  @Test("the head of a stream says that it is one, and that the connection ends with it")
  func head() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let reply = try await server.api(.POST, "/chat", #"{"message":"hello?"}"#, token: token)
      #expect(reply.headers.first(name: "content-type") == "text/event-stream")
      #expect(reply.headers.first(name: "cache-control") == "no-cache")
      #expect(reply.headers.first(name: "x-accel-buffering") == "no")
      #expect(reply.headers.first(name: "x-request-id")?.isEmpty == false)
      #expect(reply.headers.first(name: "connection") == "close")
    }
  }

  @Test(
    "a stream that cannot start is answered with a status",
    arguments: [
      (#"{"message":" "}"#, 400, "invalid_argument"), (#"{"message":"x","model":"none"}"#, 400, "invalid_argument"),
      (#"{"message":"x","parentId":"x"}"#, 400, "invalid_argument"), ("{", 400, "invalid_argument"),
      (#"{"message":"x","conversationId":"00000000-0000-7000-8000-000000000000"}"#, 404, "not_found"),
      (#"{"message":"x","filters":{"documentIds":["x"]}}"#, 400, "invalid_argument"),
      (#"{"message":"x","asOf":"yesterday"}"#, 400, "invalid_argument"),
    ])
  func refusals(body: String, status: Int, code: String) async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let reply = try await server.api(.POST, "/chat", body, token: token)
      #expect(reply.status == status, "\(reply.text)")
      #expect(reply.code == code)
      #expect(reply.headers.first(name: "content-type") == "application/json")
      #expect(try await server.api(.GET, "/conversations", token: token).json["conversations"] == .array([]))
    }
  }

  @Test("who does not take events is told so")
  func accept() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let reply = try await server.ask(
        .POST, "/api/v1/chat", body: Array(#"{"message":"x"}"#.utf8), token: token,
        headers: [("accept", "application/json")])
      #expect(reply.status == 406)
    }
  }

  @Test("a large body by nobody is refused without hanging")
  func largeBodyOfNobody() async throws {
    try await ServerUnderTest.run { server in
      let body = #"{"message":"\#(String(repeating: "x", count: 4 << 20))"}"#
      let reply = try await server.api(.POST, "/chat", body)
      #expect(reply.status == 401)
    }
  }

  @Test("a body without an end is given up, and the server goes on")
  func endlessBody() async throws {
    try await ServerUnderTest.run {
      $0.limits.drainedBody = 100_000
    } _: { server in
      for path in ["/api/v1/chat", "/api/v1/search"] {
        try await RawConnection.open(port: server.port) { connection in
          try await connection.write(
            "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n")
          // The server closes: writing on fails, which is the end of this loop.
          let part = [UInt8](repeating: 120, count: 65_536)
          var written = 0
          while written < 1_000_000_000 {
            do { try await connection.write(part) } catch { break }
            written += part.count
          }
          #expect(written < 1_000_000_000)
        }
      }
      #expect(try await server.ask(.GET, "/healthz").status == 200)
    }
  }

  @Test(
    "a model that fails half-way ends the stream with failed, and what came is kept",
    arguments: [ModelFailure.broken("it stopped"), .unavailable("it is busy"), .rejected("it is too long")])
  func modelFails(failure: ModelFailure) async throws {
    let world = WireWorld(model: ScriptedModel(.fail(["Half of "], failure)))
    try await ServerUnderTest.run(world: world) { server in
      let token = try await server.signUp("ada")
      let events = try await server.events("/chat", #"{"message":"hello?"}"#, token: token)
      #expect(events.map(\.name) == ["started", "sources", "delta", "failed"])
      #expect(events.last?.json.keys == ["code", "message"])
      let id = try required(events.first?.json["conversationId"]?.string)
      let messages = try await server.api(.GET, "/conversations/\(id)/messages", token: token)
      #expect(messages.json["messages"]?[1]?["content"]?.string == "Half of ")
      #expect(messages.json["messages"]?[1]?["finishReason"]?.string == "failed")
    }
  }

  @Test("a silent stream is kept alive by comments, between whole events")
  func keepAlive() async throws {
    let parts = ["a", "b", "c"]
    let world = WireWorld(model: ScriptedModel(.drip(parts, every: .milliseconds(400))))
    try await ServerUnderTest.run(world: world, configure: { $0.keepAliveInterval = .milliseconds(80) }) { server in
      let token = try await server.signUp("ada")
      let reply = try await server.api(.POST, "/chat", #"{"message":"hello?"}"#, token: token)
      #expect(reply.text.components(separatedBy: ": keep-alive\n\n").count > 3)
      let deltas = ServerSentEvent.parse(reply.text).filter { $0.name == "delta" }
      #expect(deltas.map { $0.json["text"]?.string } == parts)
    }
  }

  @Test("text with line breaks stays one line of data")
  func lineBreaks() async throws {
    let world = WireWorld(model: ScriptedModel(.reply(["a\n\nb\r\u{2028}\"\\"])))
    try await ServerUnderTest.run(world: world) { server in
      let token = try await server.signUp("ada")
      let events = try await server.events("/chat", #"{"message":"hello?"}"#, token: token)
      #expect(events[2].json["text"]?.string == "a\n\nb\r\u{2028}\"\\")
    }
  }

  @Test("a watch of a job that nobody has is 404, and one that fails ends with failed")
  func watchJob() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let missing = try await server.api(.GET, "/jobs/00000000-0000-7000-8000-000000000000/events", token: token)
      #expect(missing.status == 404)
      let made = try await server.api(
        .POST, "/submissions", #"{"title":"T","file":{"name":"a","data":"//79/A=="}}"#, token: token)
      let id = try required(made.json["submission"]?["id"]?.string)
      let job = try required(
        try await server.api(.POST, "/submissions/\(id)/approve", token: token).json["jobId"]?.string)
      try await server.world.ingest()
      let events = try await server.events("/jobs/\(job)/events", token: token)
      #expect(events.map(\.name) == ["failed"])
      #expect(events.last?.json["error"]?.string?.contains("no text") == true)
    }
  }

  @Test("told to stop, the server lets a stream end within the grace time")
  func gracefulShutdown() async throws {
    let world = WireWorld(model: ScriptedModel(.drip(["a", "b", "c"], every: .milliseconds(100))))
    try await ServerUnderTest.run(world: world, configure: { $0.shutdownGrace = .seconds(20) }) { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.chat(token))
        try await connection.read(until: "event: delta")
        await server.group.triggerGracefulShutdown()
        try await connection.readToEnd()
        #expect(connection.text.contains("event: completed"))
      }
    }
  }

  @Test("told to stop, the server cancels a stream that does not end")
  func forcedShutdown() async throws {
    let world = WireWorld(model: ScriptedModel(.hang(["a"])))
    try await ServerUnderTest.run(world: world, configure: { $0.shutdownGrace = .milliseconds(100) }) { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.chat(token))
        try await connection.read(until: "event: delta")
        await server.group.triggerGracefulShutdown()
        try await connection.readToEnd()
        #expect(!connection.text.contains("event: completed"))
      }
      try await eventually { world.model.cancellation != nil }
      #expect(world.model.cancellation != nil)
    }
  }
}
