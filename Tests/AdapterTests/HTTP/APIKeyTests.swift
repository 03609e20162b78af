import Application
import Contract
import Domain
import NIOHTTP1
import Testing

@Suite("API keys on the wires")
struct APIKeyWireTests {
  /// Makes a key with scopes; answers with its secret.
  private static func key(_ server: ServerUnderTest, _ scopes: [String], token: String) async throws -> String {
    let list = scopes.map { "\"API_KEY_SCOPE_\($0)\"" }.joined(separator: ",")
    let reply = try await server.api(.POST, "/api-keys", #"{"name":"ci","scopes":[\#(list)]}"#, token: token)
    #expect(reply.status == 200, "\(reply.text)")
    return try required(reply.json["secret"]?.string)
  }

  @Test("a key is made, listed without its secret, used and revoked")
  func life() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let secret = try await Self.key(server, ["SEARCH", "READ"], token: token)
      let list = try await server.api(.GET, "/api-keys", token: token)
      let shown = try required(list.json["apiKeys"]?[0])
      #expect(shown["name"]?.string == "ci")
      #expect(shown["scopes"]?.items.compactMap(\.string) == ["API_KEY_SCOPE_SEARCH", "API_KEY_SCOPE_READ"])
      #expect(shown["prefix"]?.string == String(secret.prefix(10)))
      #expect(!list.text.contains(secret))
      #expect(try await server.api(.POST, "/search", #"{"query":"x"}"#, token: secret).status == 200)
      #expect(try await server.api(.GET, "/documents", token: secret).status == 200)
      #expect(try await server.api(.GET, "/auth/me", token: secret).json["user"]?["email"]?.string == "ada@example.org")
      let id = try required(shown["id"]?.string)
      #expect(try await server.api(.DELETE, "/api-keys/\(id)", token: token).status == 200)
      #expect(
        try await server.api(.POST, "/search", #"{"query":"x"}"#, token: secret).summary == ["401", "unauthenticated"])
    }
  }

  @Test("every method takes a key with one of its scopes, and refuses one without; some refuse every key")
  func everyMethod() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      var secrets: [APIKeyScope: String] = [:]
      for scope in APIKeyScope.allCases {
        secrets[scope] = try await Self.key(server, [scope.rawValue.uppercased()], token: token)
      }
      var withoutKeys: Set<String> = []
      for binding in ContractServices(server.world.useCases.gateway).bindings where binding.authentication == .session {
        let path = binding.path.replacing(/\{[A-Za-z]+\}/, with: "x")
        let method = HTTPMethod(rawValue: binding.verb.rawValue)
        if binding.scopes.isEmpty { withoutKeys.insert(String(binding.procedurePath.split(separator: "/").last ?? "")) }
        for (scope, secret) in secrets {
          // A body that is no message: who passes is told so, or is not found, and nothing is done.
          let reply = try await server.api(method, path, binding.verb.hasBody ? "[]" : nil, token: secret)
          #expect((reply.status == 403) == !binding.scopes.contains(scope), "\(scope) \(method) \(path): \(reply.text)")
        }
      }
      #expect(
        withoutKeys == [
          "SignOut", "DeleteMe", "ListSessions", "RevokeSession", "RevokeAllSessions", "ListApiKeys", "CreateApiKey",
          "RevokeApiKey",
        ])
    }
  }

  @Test("unknown scopes, and times that are over, are refused")
  func badInput() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      for body in [
        #"{"name":"n","scopes":["API_KEY_SCOPE_UNSPECIFIED"]}"#, #"{"name":"n","scopes":["chat"]}"#, #"{"name":""}"#,
        #"{"name":"n","expiresAt":"2001-01-01T00:00:00Z"}"#, #"{"name":"n","expiresAt":"2999-01-01T00:00:00Z"}"#,
      ] {
        #expect(try await server.api(.POST, "/api-keys", body, token: token).summary == ["400", "invalid_argument"])
      }
      #expect(try await server.api(.DELETE, "/api-keys/x", token: token).summary == ["404", "not_found"])
    }
  }
}
