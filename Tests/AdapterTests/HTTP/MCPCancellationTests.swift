import Application
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Synchronization
import Testing

@testable import HTTPServer

/// Judges nothing until it is cancelled.
private final class HangingReranker: Reranker {
  private let state = Mutex((begun: 0, cancelled: 0))
  var begun: Int { state.withLock { $0.begun } }
  var cancelled: Int { state.withLock { $0.cancelled } }

  func scores(of passages: [String], for question: String) async throws(RerankingFailure) -> [Double] {
    state.withLock { $0.begun += 1 }
    do { try await Task.sleep(for: .seconds(60)) } catch {
      state.withLock { $0.cancelled += 1 }
      throw .cancelled
    }
    return passages.map { _ in 0 }
  }
}

@Suite("A call of the Model Context Protocol ends with its client", .timeLimit(.minutes(1)))
struct MCPCancellationTests {
  private static let search = """
    {"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search_knowledge","arguments":{"query":"river"}}}
    """

  private static func post(_ body: String, _ token: String, session: String? = nil, more: String = "") -> String {
    "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \(token)\r\nContent-Type: application/json\r\n"
      + (session.map { "Mcp-Session-Id: \($0)\r\n" } ?? "") + more
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  /// A server with a passage about rivers, whose searches take for ever.
  private static func run(_ body: @Sendable (ServerUnderTest, HangingReranker, String) async throws -> Void)
    async throws
  {
    let reranker = HangingReranker()
    try await ServerUnderTest.run(world: WireWorld(reranker: reranker)) { server in
      let token = try await server.signUp("ada")
      _ = try await server.publish("A river bends.", title: "Rivers", token: token)
      try await body(server, reranker, token)
    }
  }

  @Test("closing the connection cancels what the call reads, in either era")
  func leaving() async throws {
    let stateless = """
      {"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search_knowledge","arguments":{"query":"river"},\
      "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",\
      "io.modelcontextprotocol/clientCapabilities":{}}}}
      """
    let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: search_knowledge\r\n"
    try await Self.run { server, reranker, token in
      for (number, request) in [Self.post(Self.search, token), Self.post(stateless, token, more: fields)].enumerated() {
        try await RawConnection.open(port: server.port) { connection in
          try await connection.write(request)
          try await eventually { reranker.begun == number + 1 }
        }
        let start = ContinuousClock.now
        try await eventually { reranker.cancelled == number + 1 }
        #expect(reranker.cancelled == number + 1)
        #expect(.now - start < .seconds(2))
      }
    }
  }

  @Test("a client cancels its own call by the session's id and the request's, and nobody else's")
  func notification() async throws {
    try await Self.run { server, reranker, token in
      let other = try await server.signUp("bob")
      let begun = try await server.ask(
        .POST, "/mcp",
        body: Array(
          #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#.utf8),
        token: token)
      let session = try required(begun.headers.first(name: "mcp-session-id"))
      @Sendable func cancel(_ id: String, _ token: String, session: String?) async throws {
        let notice = #"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":\#(id)}}"#
        let reply = try await server.ask(
          .POST, "/mcp", body: Array(notice.utf8), token: token,
          headers: session.map { [("Mcp-Session-Id", $0)] } ?? [])
        #expect(reply.status == 202)
      }
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.post(Self.search, token, session: session))
        try await eventually { reranker.begun == 1 }
        try await cancel("7", token, session: "another")
        try await cancel("7", token, session: nil)
        try await cancel("7", other, session: session)
        try await cancel("8", token, session: session)
        try await cancel(#""7""#, token, session: session)
        #expect(reranker.cancelled == 0)
        try await cancel("7", token, session: session)
        try await connection.read(until: "cancelled")
        #expect(reranker.cancelled == 1)
        #expect(connection.text.hasPrefix("HTTP/1.1 200 "))
        #expect(connection.text.contains(#""code":-32000"#) && connection.text.contains(#""id":7"#))
        // The connection goes on, and the id may be used again.
        try await cancel("7", token, session: session)
        try await connection.write(Self.post(Self.search, token, session: session))
        try await eventually { reranker.begun == 2 }
        #expect(reranker.cancelled == 1)
      }
      try await eventually { reranker.cancelled == 2 }
      #expect(reranker.cancelled == 2)
    }
  }

  @Test("a client that has left before the call is watched is noticed, half the connection closed or all of it")
  func leftBefore() async throws {
    let told = Mutex<[String]>([])
    let channel = NIOAsyncTestingChannel()
    let connections = ConnectionChannel(
      completions: nil, limits: HTTPLimits(), open: OpenConnections(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) { _, _, _ in
      Issue.record("nothing was asked for")
    }
    try await channel.testingEventLoop.executeInContext {
      try channel.pipeline.syncOperations.addHandler(ConnectionHandler(of: connections))
    }
    try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
    await MCPCalls.watch(channel) { told.withLock { $0.append("before") } }
    #expect(told.withLock { $0.isEmpty })
    try await channel.testingEventLoop.executeInContext {
      let handler = try channel.pipeline.syncOperations.handler(type: ConnectionHandler.self)
      channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
      #expect(told.withLock { $0 } == ["before"])
      handler.watchClient { told.withLock { $0.append("after") } }
      #expect(told.withLock { $0 } == ["before", "after"])
    }
    try await channel.closeFuture.get()
    await MCPCalls.watch(channel) { told.withLock { $0.append("closed") } }
    #expect(told.withLock { $0 } == ["before", "after", "closed"])
  }

  @Test("a connection serves one call after the other")
  func keepAlive() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      _ = try await server.publish("A river bends.", title: "Rivers", token: token)
      try await RawConnection.open(port: server.port) { connection in
        for round in 1...3 {
          try await connection.write(Self.post(Self.search.replacing(#""id":7"#, with: #""id":"r\#(round)""#), token))
          #expect(try await connection.read(until: #""id":"r\#(round)""#))
          #expect(!connection.text.lowercased().contains("connection: close"))
        }
      }
    }
  }

  @Test("what is being worked on is forgotten when it ends, however it ends")
  func forgotten() async throws {
    try await Self.run { server, reranker, token in
      let session = ["Mcp-Session-Id": "s"]
      let notice = #"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#
      async let replies = withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<3 {
          group.addTask {
            try await server.ask(
              .POST, "/mcp", body: Array(Self.search.utf8), token: token, headers: session.map { ($0.key, $0.value) }
            ).status
          }
        }
        return try await group.reduce(into: [Int]()) { $0.append($1) }
      }
      try await eventually { reranker.begun == 3 }
      _ = try await server.ask(
        .POST, "/mcp", body: Array(notice.utf8), token: token, headers: session.map { ($0.key, $0.value) })
      // An id that a client uses twice at once means both.
      #expect(try await replies == [200, 200, 200])
      #expect(reranker.cancelled == 3)
    }
  }
}
