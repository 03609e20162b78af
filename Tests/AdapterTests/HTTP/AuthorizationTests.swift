import Domain
import NIOHTTP1
import Testing

struct AuthorizationTests {
  @Test(
    "forged, malformed and missing tokens are 401",
    arguments: [nil, "", "x", String(repeating: "a", count: 64), String(repeating: "a", count: 10_000), "a b"])
  func badTokens(token: String?) async throws {
    try await ServerUnderTest.run { server in
      _ = try await server.signUp("ada")
      for (method, path) in [
        (HTTPMethod.GET, "/auth/me"), (.POST, "/chat"), (.GET, "/jobs/x/events"), (.POST, "/search"),
      ] {
        let reply = try await server.api(method, path, method == .POST ? "{}" : nil, token: token)
        #expect(reply.status == 401, "\(path)")
        #expect(reply.code == "unauthenticated")
        #expect(reply.headers.first(name: "www-authenticate") == "Bearer")
      }
    }
  }

  @Test("a session ends after seven days")
  func expired() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      server.world.clock.advance(Session.lifetime - 60)
      #expect(try await server.api(.GET, "/auth/me", token: token).status == 200)
      server.world.clock.advance(60)
      #expect(try await server.api(.GET, "/auth/me", token: token).code == "unauthenticated")
    }
  }

  @Test("a wrong password and an unknown address get the same answer")
  func signIn() async throws {
    try await ServerUnderTest.run { server in
      _ = try await server.signUp("ada")
      let wrong = try await server.api(
        .POST, "/auth/signin", #"{"email":"ada@example.org","password":"wrong horse!"}"#)
      let unknown = try await server.api(
        .POST, "/auth/signin", #"{"email":"eve@example.org","password":"correct horse"}"#)
      #expect(wrong.status == 401)
      #expect(wrong.text == unknown.text)
      let taken = try await server.api(
        .POST, "/auth/signup", #"{"email":"ada@example.org","password":"correct horse","displayName":"E"}"#)
      #expect(taken.status == 409)
      #expect(taken.code == "already_exists")
    }
  }

  @Test("other people's conversations are not found, whatever is done to them")
  func otherPeople() async throws {
    try await ServerUnderTest.run { server in
      let ada = try await server.signUp("ada")
      let eve = try await server.signUp("eve")
      let asked = try await server.events("/chat", #"{"message":"a secret?"}"#, token: ada)
      let id = try required(asked.first?.json["conversationId"]?.string)
      let message = try required(asked.first?.json["messageId"]?.string)
      let attempts: [(HTTPMethod, String, String?)] = [
        (.GET, "/conversations/\(id)", nil), (.PATCH, "/conversations/\(id)", #"{"title":"mine"}"#),
        (.DELETE, "/conversations/\(id)", nil), (.GET, "/conversations/\(id)/messages", nil),
        (.POST, "/chat", #"{"message":"go on","conversationId":"\#(id)"}"#),
        (.POST, "/conversations/\(id)/messages/\(message)/regenerate", "{}"), (.POST, "/chat/\(message)/cancel", "{}"),
        (.GET, "/conversations/nonsense", nil),
      ]
      for (method, path, body) in attempts {
        let reply = try await server.api(method, path, body, token: eve)
        #expect(reply.status == 404, "\(method) \(path) \(reply.text)")
        #expect(reply.code == "not_found")
      }
      #expect(try await server.api(.GET, "/conversations", token: eve).text == #"{"conversations":[]}"#)
      #expect(
        try await server.api(.GET, "/conversations/\(id)/messages", token: ada).json["messages"]?.items.count == 2)
    }
  }

  @Test("what takes another role is 403, and a second review is refused")
  func roles() async throws {
    try await ServerUnderTest.run { server in
      let admin = try await server.signUp("ada")
      let user = try await server.signUp("eve")
      let submit = #"{"title":"T","text":"x"}"#
      #expect(try await server.api(.POST, "/submissions", submit, token: user).code == "permission_denied")
      let made = try await server.api(.POST, "/submissions", submit, token: admin)
      let id = try required(made.json["submission"]?["id"]?.string)
      #expect(try await server.api(.POST, "/submissions/\(id)/approve", token: user).status == 403)
      #expect(try await server.api(.GET, "/jobs", token: user).status == 403)
      #expect(try await server.api(.POST, "/submissions/\(id)/reject", token: admin).code == "invalid_argument")
      #expect(try await server.api(.POST, "/submissions/\(id)/approve", token: admin).status == 200)
      let again = try await server.api(.POST, "/submissions/\(id)/reject", #"{"note":"no"}"#, token: admin)
      #expect(again.status == 400)
      #expect(again.code == "failed_precondition")
      let url = #"{"title":"T","url":"https://example.org/"}"#
      #expect(try await server.api(.POST, "/submissions", url, token: admin).code == "failed_precondition")
    }
  }
}
