import Contract
import FoundationEssentials
import NIOHTTP1
import SwiftProtobuf
import Testing

@testable import HTTPServer

struct GRPCWebTests {
  private static let chat = "ChatService/StreamChat"
  private static let json = "application/grpc-web+json"
  private static let signUp = #"{"email":"ada@example.org","password":"correct horse","displayName":"Ada"}"#

  @Test("a unary method answers with its message and its trailers")
  func unary() async throws {
    try await ServerUnderTest.run { server in
      let reply = try await server.callEnveloped("AuthService/SignUp", Self.signUp, type: Self.json)
      #expect(reply.status == 200)
      #expect(reply.headers.first(name: "content-type") == Self.json)
      #expect(reply.headers.first(name: "grpc-accept-encoding") == "identity,gzip")
      #expect(reply.headers.first(name: "x-request-id")?.isEmpty == false)
      let frames = try envelopes(reply.bytes)
      #expect(frames.map(\.flags) == [0, 0x80])
      #expect(JSON(frames[0].payload)["user"]?["displayName"]?.string == "Ada")
      #expect(frames[1].payload == Array("grpc-status: 0\r\n".utf8))
      var request = Opentier_V1_SignInRequest()
      request.email = "ada@example.org"
      request.password = "correct horse"
      for type in ["application/grpc-web", "application/grpc-web+proto"] {
        let binary = try await server.call(
          "AuthService/SignIn", Envelope(payload: try request.serializedBytes()).bytes, type: type)
        let message = try Opentier_V1_SignInResponse(serializedBytes: try envelopes(binary.bytes)[0].payload)
        #expect(message.user.displayName == "Ada")
        #expect(binary.headers.first(name: "content-type") == "application/grpc-web+proto")
      }
    }
  }

  @Test("text is Base64 in pieces both ways")
  func text() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      var request = Opentier_V1_StreamChatRequest()
      request.message = "hello?"
      let bytes = Envelope(payload: try request.serializedBytes()).bytes
      // Each piece is padded by itself.
      let text = bytes.map { Base64Text.of([$0]) }.joined()
      let reply = try await server.call(
        Self.chat, Array(text.utf8), type: "application/grpc-web-text", token: token,
        headers: [("accept", "application/grpc-web-text")])
      #expect(reply.headers.first(name: "content-type") == "application/grpc-web-text+proto")
      var reader = Base64Reader(.standard)
      let answer = try reader.feed(reply.bytes)
      #expect(try reader.finish() == [])
      #expect(try envelopes(answer).map(\.flags) == [0, 0, 0, 0, 0, 0x80])
      // Binary in, text out, and the other way round.
      let asText = try await server.call(
        Self.chat, bytes, type: "application/grpc-web", token: token,
        headers: [("accept", "application/grpc-web-text")])
      #expect(asText.headers.first(name: "content-type") == "application/grpc-web-text+proto")
      let asBinary = try await server.call(
        Self.chat, Array(text.utf8), type: "application/grpc-web-text", token: token,
        headers: [("accept", "application/grpc-web")])
      #expect(try envelopes(asBinary.bytes).count == 6)
    }
  }

  @Test("a call that fails before its first message has its trailers in the header and no body")
  func trailersOnly() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let nobody = try await server.callEnveloped(Self.chat, "{}", type: Self.json)
      #expect(nobody.status == 200)
      #expect(nobody.bytes.isEmpty)
      #expect(nobody.headers.first(name: "grpc-status") == "16")
      #expect(nobody.headers.first(name: "content-type") == Self.json)
      let invalid = try await server.callEnveloped("AuthService/SignUp", "{", type: Self.json, token: token)
      #expect(invalid.headers.first(name: "grpc-status") == "3")
      let nowhere = try await server.callEnveloped("ChatService/Nothing", "{}", type: Self.json, token: token)
      #expect(nowhere.status == 200 && nowhere.headers.first(name: "grpc-status") == "12")
    }
  }

  @Test("a stream that fails half-way tells it in the trailers of its last frame")
  func deadline() async throws {
    let world = WireWorld(model: ScriptedModel(.hang(["The beginning "])))
    try await ServerUnderTest.run(world: world) { server in
      let token = try await server.signUp("ada")
      let reply = try await server.callEnveloped(
        Self.chat, #"{"message":"hello?"}"#, type: Self.json, token: token, headers: [("grpc-timeout", "3S")])
      #expect(try envelopes(reply.bytes).count > 2)
      #expect(try reply.trailers()["grpc-status"] == "4")
      #expect(try reply.trailers()["grpc-message"]?.isEmpty == false)
      #expect(world.model.cancellation != nil)
    }
  }

  @Test("bytes that are not one message have the status that gRPC gives them")
  func malformed() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let message = Envelope(payload: Array(#"{"message":"x"}"#.utf8)).bytes
      func status(
        _ body: [UInt8], _ headers: [(String, String)] = [], type: String = Self.json, method: String = Self.chat
      ) async throws -> Int? {
        let reply = try await server.call(method, body, type: type, token: token, headers: headers)
        #expect(reply.status == 200)
        return try reply.trailers()["grpc-status"].flatMap { Int($0) }
      }
      let (unimplemented, invalid, internalError, exhausted) = (12, 3, 13, 8)
      let gzip = [("grpc-encoding", "gzip")]
      #expect(try await status([]) == unimplemented)
      #expect(try await status(message + message) == unimplemented)
      #expect(try await status(message + message, method: "AuthService/SignOut") == unimplemented)
      #expect(try await status(Array(message.prefix(8))) == invalid)
      #expect(try await status([0, 0x7f, 0xff, 0xff, 0xff]) == exhausted)
      #expect(try await status([0x80, 0, 0, 0, 0]) == invalid)
      #expect(try await status([1] + message.dropFirst()) == internalError)
      #expect(try await status([1] + message.dropFirst(), gzip) == internalError)
      let bomb = try required(Gzip.deflate([UInt8](repeating: 0x20, count: 64 << 20)))
      #expect(try await status(Envelope(flags: 1, payload: bomb).bytes, gzip) == exhausted)
      #expect(try await status(message, [("grpc-timeout", "1")]) == invalid)
      #expect(try await status(message, [("grpc-timeout", "123456789m")]) == invalid)
      #expect(try await status(message, type: "application/grpc-web-text+json") == invalid)
      let unknown = try await server.call(
        Self.chat, message, type: Self.json, token: token, headers: [("grpc-encoding", "snappy")])
      #expect(unknown.headers.first(name: "grpc-status") == "12")
      #expect(unknown.headers.first(name: "grpc-accept-encoding") == "identity,gzip")
    }
  }

  @Test("requests and answers are compressed message by message")
  func gzip() async throws {
    let world = WireWorld(model: ScriptedModel(.reply([String(repeating: "word ", count: 1_000)])))
    try await ServerUnderTest.run(world: world) { server in
      let token = try await server.signUp("ada")
      let message = try required(Gzip.deflate(Array(#"{"message":"hello?"}"#.utf8)))
      let reply = try await server.call(
        Self.chat, Envelope(flags: Envelope.compressed, payload: message).bytes, type: Self.json, token: token,
        headers: [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity, deflate, gzip")])
      #expect(reply.headers.first(name: "grpc-encoding") == "gzip")
      #expect(try envelopes(reply.bytes).map(\.flags) == [0, 0, 1, 0, 0x80])
    }
  }

  @Test("a body that is longer than its message may be is asked for, and told by its envelope that it is too long")
  func expectation() async throws {
    try await ServerUnderTest.run { server in
      let message = Envelope(payload: [UInt8](repeating: 0x20, count: 200_000)).bytes
      try await RawConnection.open(port: server.port) { connection in
        try await connection.write(
          "POST /opentier.v1.AuthService/SignUp HTTP/1.1\r\nHost: a\r\nContent-Type: \(Self.json)\r\n"
            + "Content-Length: \(message.count)\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        #expect(try await connection.read(until: "100 Continue"))
        try await connection.write(message)
        try await connection.readToEnd()
        #expect(connection.text.contains("grpc-status: 8\r\n"))
      }
    }
  }

  @Test("a status message is escaped, and details travel as google.rpc.Status")
  func trailers() throws {
    let error = ContractError(.invalidArgument, "50% für\n~ ", details: [.init("pageSize", "must be 1 to 200")])
    let trailers = GRPCWebTrailers(error)
    #expect(
      trailers.envelope.flags == 0x80
        && String(decoding: trailers.envelope.payload, as: UTF8.self).hasPrefix(
          "grpc-status: 3\r\ngrpc-message: 50%25 f%C3%BCr%0A~ \r\ngrpc-status-details-bin: ")
    )
    var value = try required(trailers.fields.last?.value)
    #expect(!value.contains("="))
    while value.count % 4 != 0 { value += "=" }
    // The fields of google.rpc.Status: code 1, message 2, details 3.
    let bytes = try required(Data(base64Encoded: value))
    #expect(Array(bytes.prefix(3)) == [0x08, 3, 0x12])
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.contains("type.googleapis.com/opentier.v1.FieldViolation"))
    #expect(GRPCWebTrailers(nil).fields.map(\.value) == ["0"])
  }
}
