import Application
import Domain
import FoundationEssentials
import JSONValues
import NIOHTTP1
import Testing

@testable import HTTPServer

/// What real clients do not show: `Tests/Clients/test_openai.py` has the rest.
@Suite("The OpenAI-compatible API")
struct OpenAITests {
  private static let question = #"{"model":"scripted","messages":[{"role":"user","content":"hello?"}]}"#
  private static let stream = question.replacing(#""model""#, with: #""stream":true,"model""#)

  private static func ask(
    _ server: ServerUnderTest, _ body: String, _ token: String?
  ) async throws -> ServerUnderTest.Reply {
    try await server.ask(.POST, "/v1/chat/completions", body: Array(body.utf8), token: token)
  }

  @Test("a silent stream is kept alive by comments, which end with it")
  func keepAlive() async throws {
    let world = WireWorld(model: ScriptedModel(.drip(["a", "b"], every: .milliseconds(600))))
    try await ServerUnderTest.run(world: world, configure: { $0.keepAliveInterval = .milliseconds(100) }) { server in
      let reply = try await Self.ask(server, Self.stream, try await server.signUp("ada"))
      #expect(reply.status == 200)
      #expect(reply.text.contains(": keep-alive\n\n"))
      #expect(reply.text.hasSuffix("data: [DONE]\n\n"))
      #expect(reply.headers.first(name: "cache-control") == "no-cache")
      #expect(reply.headers.first(name: "x-accel-buffering") == "no")
    }
  }

  @Test("failures have OpenAI's shape and statuses, and say when to try again")
  func failures() async throws {
    let cases: [(ModelFailure, Int, String, String?)] = [
      (.exhausted("full"), 429, "rate_limit_exceeded", "1"),
      (.overloaded("busy", retryAfter: .milliseconds(6_500)), 503, "service_unavailable", "7"),
      (.overloaded("busy", retryAfter: nil), 503, "service_unavailable", nil),
      (.unavailable("down"), 503, "service_unavailable", nil),
    ]
    for (failure, status, code, retryAfter) in cases {
      let world = WireWorld(model: ScriptedModel(.fail([], failure)))
      try await ServerUnderTest.run(world: world) { server in
        let token = try await server.signUp("ada")
        for body in [Self.question, Self.stream] {
          let reply = try await Self.ask(server, body, token)
          #expect(reply.status == status)
          #expect(reply.json["error"]?["code"]?.string == code)
          #expect(reply.headers.first(name: "retry-after") == retryAfter)
          #expect(reply.headers.first(name: "content-type") == "application/json")
        }
      }
    }
  }

  @Test("a dialogue that is too long has OpenAI's code, and names the field")
  func tooLong() async throws {
    let world = WireWorld(model: ScriptedModel(.fail([], .tooLong("it is longer than that"))))
    try await ServerUnderTest.run(world: world) { server in
      let token = try await server.signUp("ada")
      for body in [Self.question, Self.stream] {
        let reply = try await Self.ask(server, body, token)
        #expect(reply.status == 400)
        #expect(reply.json["error"]?["code"]?.string == "context_length_exceeded")
        #expect(reply.json["error"]?["param"]?.string == "messages")
        #expect(reply.json["error"]?["message"]?.string == "it is longer than that")
      }
      let text = try await server.ask(
        .POST, "/v1/completions", body: Array(#"{"model":"scripted","prompt":"Once"}"#.utf8), token: token)
      #expect(text.json["error"]?["param"]?.string == "prompt")
    }
  }

  @Test("whoever shows nothing, or an unknown path, is answered in OpenAI's shape")
  func strangers() async throws {
    try await ServerUnderTest.run { server in
      for operation in OpenAIOperation.allCases {
        let path = operation.path.replacing("{model}", with: "x")
        let reply = try await server.ask(
          HTTPMethod(rawValue: operation.verb), path, body: operation.verb == "POST" ? Array("{}".utf8) : nil)
        #expect(reply.status == 401, "\(path)")
        #expect(reply.json["error"]?["code"]?.string == "invalid_api_key")
        #expect(reply.headers.first(name: "www-authenticate") == "Bearer")
      }
      let wrong = try await server.ask(.GET, "/v1/embeddings")
      #expect(wrong.status == 405)
      #expect(wrong.headers.first(name: "allow") == "OPTIONS, POST")
      #expect(wrong.json["error"]?["type"]?.string == "invalid_request_error")
      let unknown = try await server.ask(.GET, "/v1/nothing").json["error"]?["message"]?.string
      #expect(unknown?.contains("/v1/nothing") == true)
    }
  }

  @Test("the body has a limit of its own, and must be JSON")
  func bodies() async throws {
    try await ServerUnderTest.run(configure: { $0.limits.completionBody = 200 }) { server in
      let token = try await server.signUp("ada")
      let padding = String(repeating: " ", count: 200 - Self.question.utf8.count)
      #expect(try await Self.ask(server, Self.question + padding, token).status == 200)
      let large = try await Self.ask(server, Self.question + padding + " ", token)
      #expect(large.status == 413)
      #expect(large.json["error"]?["code"]?.string == "request_too_large")
      let text = try await server.ask(
        .POST, "/v1/chat/completions", body: Array(Self.question.utf8), type: "text/plain", token: token)
      #expect(text.status == 415)
      #expect(text.json["error"]?["type"]?.string == "invalid_request_error")
    }
  }

  @Test("pages of an allowed origin may call it")
  func cors() async throws {
    try await ServerUnderTest.run(configure: { $0.allowedOrigins = ["https://app.example.org"] }) { server in
      let reply = try await server.ask(
        .OPTIONS, "/v1/chat/completions",
        headers: [("origin", "https://app.example.org"), ("access-control-request-method", "POST")])
      #expect(reply.status == 204)
      #expect(reply.headers.first(name: "access-control-allow-origin") == "https://app.example.org")
    }
  }

  @Test("a name with a blank, a slash or an umlaut finds its model")
  func names() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let list = try await server.ask(.GET, "/v1/models", token: token)
      #expect(list.json["data"]?.items.compactMap { $0["id"]?.string } == ["scripted", "rag:scripted"])
      #expect(try await server.ask(.GET, "/v1/models/rag%3Ascripted", token: token).status == 200)
      for name in ["none", "a%2Fb", "%C3%BC", "%20"] {
        let reply = try await server.ask(.GET, "/v1/models/\(name)", token: token)
        #expect(reply.status == 404)
        #expect(reply.json["error"]?["code"]?.string == "model_not_found")
      }
    }
  }

  @Test("places of citations are counted in characters of Unicode, each mark by itself")
  func annotations() throws {
    let document: DocumentID = try required(DocumentID("00000000-0000-7000-8000-000000000001"))
    let revision: RevisionID = try required(RevisionID("00000000-0000-7000-8000-000000000002"))
    let chunk: ChunkID = try required(ChunkID("00000000-0000-7000-8000-000000000003"))
    func source(_ marker: Int) -> Source {
      Source(
        marker: marker, documentID: document, revisionID: revision, chunkID: chunk, title: "T\(marker)", text: "t",
        startOffset: 0, endOffset: 1, submittedBy: "a", approvedBy: "b")
    }
    let answer = CompletionAnswer(.chat, model: "m", origin: "http://h")
    let end = CompletionEnd(
      finishReason: .stop, usage: TokenUsage(promptTokens: 1, completionTokens: 1),
      citations: [Citation(source: source(1)), Citation(source: source(2))])
    let reply = WholeReply(text: "Ü😀 [1] and [1, 2] `[2]` [9]", sources: [source(1)], end: end)
    let json = JSON(try answer.whole(reply))
    let notes = json["choices"]?[0]?["message"]?["annotations"]?.items ?? []
    let places = notes.map { note in
      let citation = note["url_citation"]
      return [citation?["start_index"]?.number, citation?["end_index"]?.number]
    }
    #expect(places == [[3, 6], [11, 17], [11, 17]])
    #expect(notes.map { $0["url_citation"]?["title"]?.string } == ["T1", "T1", "T2"])
    #expect(notes[0]["url_citation"]?["url"]?.string == "http://h/#/documents/\(document)")
  }
}
