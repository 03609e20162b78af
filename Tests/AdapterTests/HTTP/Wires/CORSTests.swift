import NIOHTTP1
import Testing

@testable import HTTPServer

struct CORSTests {
  private static let origin = "https://app.example.org"
  private static let procedure = "/opentier.v1.AuthService/GetMe"

  private static func run(_ origins: [String], _ body: @Sendable (ServerUnderTest) async throws -> Void) async throws {
    try await ServerUnderTest.run(configure: { $0.allowedOrigins = origins }, body)
  }

  @Test("without configured origins no answer says anything of CORS")
  func none() async throws {
    try await Self.run([]) { server in
      let reply = try await server.ask(.GET, "/api/v1/auth/me", headers: [("origin", Self.origin)])
      #expect(reply.headers.filter { $0.name.lowercased().hasPrefix("access-control") }.isEmpty)
      #expect(reply.headers.first(name: "cross-origin-resource-policy") == "same-origin")
      #expect(reply.headers.first(name: "vary") == nil)
      let preflight = try await Self.preflight(server, Self.procedure)
      #expect(preflight.status == 204)
      #expect(preflight.headers.first(name: "access-control-allow-origin") == nil)
    }
  }

  private static func preflight(
    _ server: ServerUnderTest, _ path: String, origin: String = origin
  ) async throws -> ServerUnderTest.Reply {
    try await server.ask(
      .OPTIONS, path,
      headers: [
        ("origin", origin), ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
      ])
  }

  @Test(
    "a browser that asks for an allowed origin learns what it may send",
    arguments: [procedure, "/opentier.v1.ChatService/StreamChat", "/api/v1/chat", "/api/v1/nothing", "/openapi.json"])
  func preflight(path: String) async throws {
    try await Self.run([Self.origin, "http://localhost:3000"]) { server in
      let reply = try await Self.preflight(server, path)
      #expect(reply.status == 204)
      #expect(reply.headers.first(name: "access-control-allow-origin") == Self.origin)
      #expect(reply.headers.first(name: "access-control-allow-credentials") == "true")
      #expect(reply.headers.first(name: "access-control-allow-methods")?.contains("DELETE") == true)
      #expect(reply.headers.first(name: "access-control-max-age") == "7200")
      let allowed = try required(reply.headers.first(name: "access-control-allow-headers")).lowercased()
      for name in [
        "authorization", "content-type", "connect-protocol-version", "connect-timeout-ms", "x-grpc-web",
        "grpc-timeout", "x-user-agent", "last-event-id", "traceparent", "x-request-id",
      ] { #expect(allowed.components(separatedBy: ", ").contains(name), "\(name)") }
      let vary = try required(reply.headers.first(name: "vary"))
      #expect(vary.contains("Origin") && vary.contains("Access-Control-Request-Headers"))
      #expect(try await Self.preflight(server, path, origin: "http://localhost:3000").status == 204)
      for stranger in ["http://localhost:3001", "https://app.example.org.evil.org", "null", "https://APP.example.org"] {
        let reply = try await Self.preflight(server, path, origin: stranger)
        #expect(reply.headers.first(name: "access-control-allow-origin") == nil, "\(stranger)")
        #expect(reply.headers.first(name: "cross-origin-resource-policy") == "same-origin")
        #expect(reply.headers.first(name: "vary")?.contains("Origin") == true)
      }
    }
  }

  @Test("answers of every wire, errors and streams too, may be read by an allowed origin")
  func actual() async throws {
    try await Self.run([Self.origin]) { server in
      let token = try await server.signUp("ada")
      let chat = Array(#"{"message":"hello?"}"#.utf8)
      let enveloped = Envelope(payload: chat).bytes
      let origin = [("origin", Self.origin)]
      let replies = [
        try await server.ask(.GET, "/api/v1/auth/me", token: token, headers: origin),
        try await server.ask(.GET, "/api/v1/auth/me", headers: origin),
        try await server.ask(.POST, "/api/v1/chat", body: chat, token: token, headers: origin),
        try await server.ask(.POST, "/api/v1/chat", body: [], token: token, headers: origin),
        try await server.call("AuthService/GetMe", Array("{}".utf8), type: "application/json", headers: origin),
        try await server.call(
          "ChatService/StreamChat", enveloped, type: "application/connect+json", token: token, headers: origin),
        try await server.call(
          "ChatService/StreamChat", enveloped, type: "application/grpc-web+json", token: token, headers: origin),
        try await server.call("ChatService/StreamChat", [], type: "application/grpc-web+json", headers: origin),
        try await server.ask(.GET, "/api/v1/nothing", headers: origin),
      ]
      for reply in replies {
        #expect(reply.headers["access-control-allow-origin"] == [Self.origin], "\(reply.text)")
        #expect(reply.headers.first(name: "cross-origin-resource-policy") == "cross-origin")
        #expect(reply.headers.first(name: "vary")?.contains("Origin") == true)
        let exposed = try required(reply.headers.first(name: "access-control-expose-headers"))
        for name in ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"] {
          #expect(exposed.components(separatedBy: ", ").contains(name))
        }
      }
    }
  }

  @Test("all origins are let in without credentials, and never to what is not the contract's")
  func all() async throws {
    try await Self.run(["*"]) { server in
      let reply = try await server.ask(.GET, "/api/v1/auth/me", headers: [("origin", "https://any.example.com")])
      #expect(reply.headers.first(name: "access-control-allow-origin") == "*")
      #expect(reply.headers.first(name: "access-control-allow-credentials") == nil)
      for path in ["/metrics", "/healthz", "/readyz", "/"] {
        let reply = try await server.ask(.GET, path, headers: [("origin", "https://any.example.com")])
        #expect(reply.headers.first(name: "access-control-allow-origin") == nil, "\(path)")
        #expect(reply.headers.first(name: "cross-origin-resource-policy") == "same-origin")
      }
    }
  }
}
