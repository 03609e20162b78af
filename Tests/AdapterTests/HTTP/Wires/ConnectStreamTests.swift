import Contract
import FoundationEssentials
import NIOHTTP1
import SwiftProtobuf
import Testing

@testable import HTTPServer

struct ConnectStreamTests {
  private static let chat = "ChatService/StreamChat"
  private static let json = "application/connect+json"
  private static let proto = "application/connect+proto"

  @Test("a stream answers in JSON and in binary, and ends with a message that says so")
  func stream() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let reply = try await server.callEnveloped(Self.chat, #"{"message":"hello?"}"#, type: Self.json, token: token)
      #expect(reply.status == 200)
      #expect(reply.headers.first(name: "content-type") == Self.json)
      #expect(reply.headers.first(name: "connect-accept-encoding") == "gzip")
      #expect(reply.headers.first(name: "x-request-id")?.isEmpty == false)
      let frames = try envelopes(reply.bytes)
      #expect(frames.map(\.flags) == [0, 0, 0, 0, 0, 2])
      #expect(
        frames.dropLast().map { JSON($0.payload).keys } == [
          ["started"], ["sources"], ["delta"], ["delta"], ["completed"],
        ])
      #expect(frames.last?.payload == Array("{}".utf8))

      var request = Opentier_V1_StreamChatRequest()
      request.message = "hello?"
      let binary = try await server.call(
        Self.chat, Envelope(payload: try request.serializedBytes()).bytes, type: Self.proto, token: token)
      let messages = try envelopes(binary.bytes).dropLast().map {
        try Opentier_V1_StreamChatResponse(serializedBytes: $0.payload)
      }
      #expect(messages.compactMap(\.namedEvent).map(\.name) == ["started", "sources", "delta", "delta", "completed"])
      #expect(try binary.streamCode() == nil)
    }
  }

  @Test("a call that fails before its first message is 200 with an end that tells the error")
  func failures() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let nobody = try await server.callEnveloped(Self.chat, "{}", type: Self.json)
      #expect(nobody.status == 200)
      #expect(try nobody.streamCode() == "unauthenticated")
      let invalid = try await server.callEnveloped(Self.chat, #"{"message":" "}"#, type: Self.json, token: token)
      #expect(try envelopes(invalid.bytes).count == 1)
      #expect(try invalid.streamCode() == "invalid_argument")
      #expect(invalid.headers.first(name: "content-type") == Self.json)
      let missing = try await server.callEnveloped(
        "KnowledgeService/WatchJob", #"{"jobId":"00000000-0000-7000-8000-000000000000"}"#, type: Self.json,
        token: token)
      #expect(try missing.streamCode() == "not_found")
      let nowhere = try await server.callEnveloped("ChatService/Nothing", "{}", type: Self.json, token: token)
      #expect(nowhere.summary == ["404", "unimplemented"])
    }
  }

  @Test("requests and answers are compressed message by message")
  func gzip() async throws {
    let long = String(repeating: "word ", count: 1_000)
    let world = WireWorld(model: ScriptedModel(.reply([long, "end"])))
    try await ServerUnderTest.run(world: world) { server in
      let token = try await server.signUp("ada")
      let message = try required(Gzip.deflate(Array(#"{"message":"hello?"}"#.utf8)))
      let reply = try await server.call(
        Self.chat, Envelope(flags: Envelope.compressed, payload: message).bytes, type: Self.json, token: token,
        headers: [("connect-content-encoding", "gzip"), ("connect-accept-encoding", "br, gzip")])
      #expect(reply.headers.first(name: "connect-content-encoding") == "gzip")
      let frames = try envelopes(reply.bytes)
      #expect(frames.map(\.flags) == [0, 0, 1, 0, 0, 2])
      let delta = JSON(try Gzip.inflate(frames[2].payload, limit: 1 << 20))
      #expect(delta["delta"]?["text"]?.string == long)
      // Who accepts nothing but does compress takes its own coding; who refuses it does not.
      let plain = try await server.callEnveloped(
        Self.chat, #"{"message":"hello?"}"#, type: Self.json, token: token,
        headers: [("connect-content-encoding", "gzip"), ("connect-accept-encoding", "identity")])
      #expect(try envelopes(plain.bytes).map(\.flags) == [0, 0, 0, 0, 0, 2])
      #expect(plain.headers.first(name: "connect-content-encoding") == nil)
    }
  }

  @Test("bytes that are not one message end the stream with the protocol's code")
  func malformed() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let message = Envelope(payload: Array(#"{"message":"x"}"#.utf8)).bytes
      func code(_ body: [UInt8], _ headers: [(String, String)] = []) async throws -> String? {
        let reply = try await server.call(Self.chat, body, type: Self.json, token: token, headers: headers)
        #expect(reply.status == 200)
        return try reply.streamCode()
      }
      let gzip = [("connect-content-encoding", "gzip")]
      #expect(try await code([]) == "unimplemented")
      #expect(try await code(message + message) == "unimplemented")
      #expect(try await code(message + [0]) == "unimplemented")
      for count in [1, 4, 5, 10] { #expect(try await code(Array(message.prefix(count))) == "invalid_argument") }
      #expect(try await code([0, 0xff, 0xff, 0xff, 0xff, 1]) == "resource_exhausted")
      #expect(try await code([2, 0, 0, 0, 0]) == "invalid_argument")
      #expect(try await code([0x80, 0, 0, 0, 0]) == "invalid_argument")
      #expect(try await code([1] + message.dropFirst()) == "internal")
      #expect(try await code([1] + message.dropFirst(), gzip) == "invalid_argument")
      #expect(try await code([1, 0, 0, 0, 0], gzip) == "invalid_argument")
      let bomb = try required(Gzip.deflate([UInt8](repeating: 0x20, count: 64 << 20)))
      #expect(try await code(Envelope(flags: 1, payload: bomb).bytes, gzip) == "resource_exhausted")
      #expect(try await code(message, [("connect-content-encoding", "zstd")]) == "unimplemented")
      #expect(try await code(message, [("content-encoding", "gzip")]) == "unimplemented")
      #expect(try await code(message, [("connect-timeout-ms", "soon")]) == "invalid_argument")
      #expect(try await code(message, [("connect-protocol-version", "2")]) == "invalid_argument")
    }
  }

  @Test("a stream whose time runs out is cancelled and ends with deadline_exceeded")
  func deadline() async throws {
    let world = WireWorld(model: ScriptedModel(.hang(["The beginning "])))
    try await ServerUnderTest.run(world: world) { server in
      let token = try await server.signUp("ada")
      let start = ContinuousClock.now
      let reply = try await server.callEnveloped(
        Self.chat, #"{"message":"hello?"}"#, type: Self.json, token: token, headers: [("connect-timeout-ms", "3000")])
      #expect(ContinuousClock.now - start < .seconds(20))
      #expect(try reply.streamCode() == "deadline_exceeded")
      #expect(try envelopes(reply.bytes).count > 2)
      #expect(world.model.cancellation != nil)
    }
  }
}
