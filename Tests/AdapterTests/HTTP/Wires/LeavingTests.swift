import Application
import FoundationEssentials
import Testing

@testable import HTTPServer

/// What holds of every stream of enveloped messages.
@Suite("streams of enveloped messages")
struct LeavingTests {
  private static let types = [
    "application/connect+json", "application/grpc-web+json", "application/grpc-web-text+json",
  ]

  private static func chat(_ token: String, type: String) -> [UInt8] {
    var body = Envelope(payload: Array(#"{"message":"hello?"}"#.utf8)).bytes
    if type.contains("-text") { body = Array(Base64Text.of(body).utf8) }
    let head =
      "POST /opentier.v1.ChatService/StreamChat HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(token)\r\n"
      + "Content-Type: \(type)\r\nContent-Length: \(body.count)\r\n\r\n"
    return Array(head.utf8) + body
  }

  @Test("a client that goes away cancels the model's call", arguments: Self.types)
  func disconnect(type: String) async throws {
    let world = WireWorld(model: ScriptedModel(.hang(["The beginning "])))
    try await ServerUnderTest.run(world: world) { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.chat(token, type: type))
        try await eventually { world.model.emitted == 1 }
        #expect(try await connection.read(until: "200 OK"))
      }
      let left = ContinuousClock.now
      try await eventually { world.model.cancellation != nil }
      let cancelled = try #require(world.model.cancellation)
      // The time that it takes is measured by the client tests; this is far from what would be a poll or a time limit.
      #expect(cancelled - left < .seconds(14))
    }
  }

  @Test("the next message is not made before the connection has taken the last", arguments: Self.types.prefix(2))
  func backPressure(type: String) async throws {
    let times = 20_000
    let model = ScriptedModel(.flood(String(repeating: "x", count: 16_000), times: times))
    try await ServerUnderTest.run(world: WireWorld(model: model)) { server in
      let token = try await server.signUp("ada")
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(Self.chat(token, type: type))
        // The client reads nothing: what the sockets hold fills up, and then the model has to wait.
        var before = -1
        try await eventually {
          defer { before = model.emitted }
          try await Task.sleep(for: .milliseconds(150))
          return model.emitted > 0 && model.emitted == before
        }
        #expect(model.emitted < times / 2)
      }
      try await eventually { model.cancellation != nil }
      #expect(model.cancellation != nil)
    }
  }
}
