import Contract
import FoundationEssentials
import NIOHTTP1
import SwiftProtobuf
import Testing

@testable import HTTPServer

struct ConnectUnaryTests {
  private static let signUp = #"{"email":"ada@example.org","password":"correct horse","displayName":"Ada"}"#

  @Test("a compressed request is read, and a long answer is compressed for whoever takes it")
  func gzip() async throws {
    try await ServerUnderTest.run { server in
      let body = try required(Gzip.deflate(Array(Self.signUp.utf8)))
      let reply = try await server.call(
        "AuthService/SignUp", body, type: "application/json", headers: [("content-encoding", "gzip")])
      #expect(reply.status == 200, "\(reply.text)")
      #expect(reply.headers.first(name: "accept-encoding") == "gzip")
      let token = try required(reply.json["session"]?["token"]?.string)
      let text = String(repeating: "A river bends. ", count: 300)
      let id = try await server.publish(text, title: "Rivers", token: token)
      func get(_ headers: [(String, String)]) async throws -> ServerUnderTest.Reply {
        try await server.call(
          "KnowledgeService/GetDocumentText", Array(#"{"documentId":"\#(id)"}"#.utf8), type: "application/json",
          token: token, headers: headers)
      }
      let plain = try await get([])
      #expect(plain.headers.first(name: "content-encoding") == nil)
      let coded = try await get([("accept-encoding", "br;q=1, gzip;q=0.5")])
      #expect(coded.headers.first(name: "content-encoding") == "gzip")
      #expect(coded.headers.first(name: "vary") == "Accept-Encoding")
      #expect(coded.bytes.count < plain.bytes.count)
      #expect(try Gzip.inflate(coded.bytes, limit: 1 << 20) == plain.bytes)
      let refused = try await get([("accept-encoding", "gzip;q=0, br")])
      #expect(refused.headers.first(name: "content-encoding") == nil)
      let short = try await server.call(
        "AuthService/GetMe", Array("{}".utf8), type: "application/json", token: token,
        headers: [("accept-encoding", "gzip")])
      #expect(short.headers.first(name: "content-encoding") == nil)
    }
  }

  @Test("a body that grows beyond the limit when it is inflated is refused, as is one that is no gzip")
  func bombs() async throws {
    try await ServerUnderTest.run { server in
      let bomb = try required(Gzip.deflate([UInt8](repeating: 0x20, count: 64 << 20)))
      #expect(bomb.count < 128 << 10)
      let reply = try await server.call(
        "AuthService/SignUp", bomb, type: "application/json", headers: [("content-encoding", "gzip")])
      #expect(reply.summary == ["413", "resource_exhausted"])
      for bytes in [Array("no gzip".utf8), Array(bomb.prefix(50)), Array(bomb.prefix(5)) + bomb.suffix(8)] {
        let broken = try await server.call(
          "AuthService/SignUp", bytes, type: "application/json", headers: [("content-encoding", "gzip")])
        #expect(broken.summary == ["400", "invalid_argument"])
      }
      let unknown = try await server.call(
        "AuthService/SignUp", bomb, type: "application/proto", headers: [("content-encoding", "br")])
      #expect(unknown.summary == ["501", "unimplemented"])
      #expect(unknown.headers.first(name: "accept-encoding") == "gzip")
      #expect(unknown.json["message"]?.string?.contains("gzip") == true)
    }
  }

  @Test("a time that is none is refused, and one that has passed ends the call with deadline_exceeded")
  func timeouts() async throws {
    try await ServerUnderTest.run { server async throws in
      func summary(_ timeout: String) async throws -> [String] {
        let reply = try await server.call(
          "AuthService/SignUp", Array(Self.signUp.utf8), type: "application/json",
          headers: [("connect-timeout-ms", timeout)])
        return reply.summary
      }
      for bad in ["", "-1", "1.5", "12345678901", "1s", "0x10", "+5"] {
        #expect(try await summary(bad) == ["400", "invalid_argument"], "\(bad)")
      }
      #expect(try await summary("0") == ["504", "deadline_exceeded"])
      #expect(try await summary("9999999999") == ["200", ""])
    }
  }

  @Test("another version of the protocol is refused, and no version is taken")
  func version() async throws {
    try await ServerUnderTest.run { server in
      let reply = try await server.call(
        "AuthService/SignUp", Array(Self.signUp.utf8), type: "application/json",
        headers: [("connect-protocol-version", "2")])
      #expect(reply.summary == ["400", "invalid_argument"])
    }
  }

  @Test(
    "a media type that a method does not take is 415, and the answer names those that it takes",
    arguments: [
      ("AuthService/SignUp", "application/connect+json", "application/json"),
      ("AuthService/SignUp", "application/grpc", "application/grpc-web+proto"),
      ("AuthService/SignUp", "application/thrift", "application/proto"),
      ("ChatService/StreamChat", "application/json", "application/connect+json"),
      ("ChatService/StreamChat", "application/connect+thrift", "application/connect+proto"),
      ("ChatService/StreamChat", "application/grpc-web+thrift", "application/grpc-web-text"),
    ])
  func mediaTypes(method: String, type: String, accepted: String) async throws {
    try await ServerUnderTest.run { server in
      let reply = try await server.call(method, Array("{}".utf8), type: type)
      #expect(reply.status == 415)
      let list = try required(reply.headers.first(name: "accept-post")).components(separatedBy: ", ")
      #expect(list.contains(accepted) && !list.contains(type))
    }
  }

  @Test("error details reach the client on Connect")
  func details() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let reply = try await server.call(
        "ConversationService/ListConversations", Array(#"{"pageSize":100000}"#.utf8), type: "application/json",
        token: token)
      #expect(reply.summary == ["400", "invalid_argument"])
      #expect(reply.headers.first(name: "x-request-id")?.isEmpty == false)
    }
  }
}

struct ConnectGetTests {
  private static func path(_ query: String, _ method: String = "RetrievalService/Search") -> String {
    "/opentier.v1.\(method)?\(query)"
  }

  @Test("a method without side effects answers a GET, in JSON and in binary, compressed or not")
  func get() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      _ = try await server.publish("A river bends because its bank is worn away.", title: "Rivers", token: token)
      var message = Opentier_V1_SearchRequest()
      message.query = "river"
      message.mode = .lexical
      let binary: [UInt8] = try message.serializedBytes()
      let packed = try required(Gzip.deflate(binary))
      func urlSafe(_ bytes: [UInt8]) -> String {
        Base64Text.of(bytes).replacing("+", with: "-").replacing("/", with: "_")
      }
      let json = "%7B%22query%22%3A%22river%22,%22mode%22:%22SEARCH_MODE_LEXICAL%22%7D"
      let queries = [
        "message=\(json)&encoding=json&connect=v1", "encoding=json&other=1&message=\(json)",
        "connect=v1&base64=1&encoding=proto&message=\(urlSafe(binary).replacing("=", with: ""))",
        "connect=v1&base64=1&encoding=proto&message=\(urlSafe(binary).replacing("=", with: "%3D"))",
        "base64=1&compression=gzip&encoding=proto&message=\(urlSafe(packed).replacing("=", with: "%3D"))",
        "base64=1&compression=identity&encoding=proto&message=\(urlSafe(binary).replacing("=", with: ""))",
      ]
      for query in queries {
        let reply = try await server.ask(.GET, Self.path(query), token: token)
        #expect(reply.status == 200, "\(query): \(reply.text)")
        if reply.headers.first(name: "content-type") == "application/proto" {
          #expect(try Opentier_V1_SearchResponse(serializedBytes: reply.bytes).hits.count == 1)
        } else {
          #expect(reply.json["hits"]?.items.count == 1)
        }
      }
      let empty = try await server.ask(.GET, Self.path("encoding=proto&message=", "AuthService/GetMe"), token: token)
      #expect(try Opentier_V1_GetMeResponse(serializedBytes: empty.bytes).user.email == "ada@example.org")
    }
  }

  @Test(
    "a query that is none of Connect's is refused with its reason",
    arguments: [
      ("encoding=json", 400, "invalid_argument"), ("message=%7B%7D", 400, "invalid_argument"),
      ("message=%7B%7D&encoding=json&connect=v2", 400, "invalid_argument"),
      ("message=%7B%7D&encoding=thrift", 415, "invalid_argument"),
      ("message=%zz&encoding=json", 400, "invalid_argument"), ("message=%ff&encoding=json", 400, "invalid_argument"),
      ("message=a*b&base64=1&encoding=proto", 400, "invalid_argument"),
      ("message=abcde&base64=1&encoding=proto", 400, "invalid_argument"),
      ("message=%7B%7D&encoding=json&compression=br", 501, "unimplemented"),
      ("message=AAAA&base64=1&encoding=json&compression=gzip", 400, "invalid_argument"),
      ("message=&encoding=json", 400, "invalid_argument"), ("message=%7B&encoding=json", 400, "invalid_argument"),
    ])
  func refusals(query: String, status: Int, code: String) async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let reply = try await server.ask(.GET, Self.path(query), token: token)
      #expect(reply.status == status, "\(reply.text)")
      #expect(reply.code == code)
    }
  }

  @Test("a compressed query that grows beyond the limit is refused, and a method with side effects takes no GET")
  func limits() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let bomb = try required(Gzip.deflate([UInt8](repeating: 0x20, count: 4 << 20)))
      let text = Base64Text.of(bomb).replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "%3D")
      let reply = try await server.ask(
        .GET, Self.path("base64=1&compression=gzip&encoding=json&message=\(text)"), token: token)
      #expect(reply.summary == ["413", "resource_exhausted"])
      for method in ["AuthService/SignOut", "ChatService/StreamChat"] {
        let reply = try await server.ask(.GET, Self.path("encoding=json&message=%7B%7D", method), token: token)
        #expect(reply.status == 405)
        #expect(reply.headers.first(name: "allow") == "OPTIONS, POST")
      }
    }
  }
}
