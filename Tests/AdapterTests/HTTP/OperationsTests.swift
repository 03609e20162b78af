import Application
import Contract
import Domain
import FoundationEssentials
import HTTPServer
import Logging
import NIOHTTP1
import ServiceContextModule
import SwiftProtobuf
import Synchronization
import Testing

struct ConnectTests {
  @Test("unary methods answer on Connect in JSON and in binary, as they do on REST")
  func unary() async throws {
    try await ServerUnderTest.run { server in
      let json = try await server.ask(
        .POST, "/opentier.v1.AuthService/SignUp",
        body: Array(#"{"email":"ada@example.org","password":"correct horse","displayName":"Ada"}"#.utf8),
        headers: [("connect-protocol-version", "1")])
      #expect(json.status == 200, "\(json.text)")
      #expect(json.headers.first(name: "content-type") == "application/json")
      var request = Opentier_V1_SignInRequest()
      request.email = "ada@example.org"
      request.password = "correct horse"
      let binary = try await server.ask(
        .POST, "/opentier.v1.AuthService/SignIn", body: try request.serializedBytes(), type: "application/proto")
      #expect(binary.headers.first(name: "content-type") == "application/proto")
      let response = try Opentier_V1_SignInResponse(serializedBytes: binary.bytes)
      #expect(response.user.role == .admin)
      let me = try await server.ask(
        .POST, "/opentier.v1.AuthService/GetMe", body: [], type: "application/proto", token: response.session.token)
      #expect(try Opentier_V1_GetMeResponse(serializedBytes: me.bytes).user == response.user)
    }
  }

  @Test("errors on Connect have its codes, statuses and JSON shape, for binary requests too")
  func errors() async throws {
    try await ServerUnderTest.run { server in
      func post(_ path: String, _ body: [UInt8], _ type: String = "application/json") async throws -> [String] {
        let reply = try await server.ask(.POST, path, body: body, type: type)
        return [String(reply.status), reply.code ?? ""]
      }
      #expect(try await post("/opentier.v1.AuthService/GetMe", Array("{}".utf8)) == ["401", "unauthenticated"])
      #expect(
        try await post("/opentier.v1.AuthService/SignIn", [0xff], "application/proto") == ["400", "invalid_argument"])
      #expect(try await post("/opentier.v1.AuthService/SignIn", []) == ["400", "invalid_argument"])
      #expect(try await post("/opentier.v1.AuthService/Nothing", Array("{}".utf8)) == ["404", "unimplemented"])
      #expect(try await post("/opentier.v1.AuthService/SignIn", [], "application/grpc") == ["415", "invalid_argument"])
      let get = try await server.ask(.GET, "/opentier.v1.AuthService/SignIn")
      #expect(get.status == 405)
    }
  }
}

struct OperationsTests {
  @Test("the OpenAPI document describes every REST path, and nothing else")
  func openAPI() async throws {
    try await ServerUnderTest.run { server in
      let reply = try await server.ask(.GET, "/openapi.json")
      #expect(reply.headers.first(name: "content-type") == "application/json")
      let document = reply.json
      #expect(document["openapi"]?.string == "3.1.0")
      var described: Set<String> = []
      for path in document["paths"]?.keys ?? [] {
        for verb in document["paths"]?[path]?.keys ?? [] { described.insert("\(verb.uppercased()) \(path)") }
      }
      let bound = ContractServices(server.world.useCases.gateway).bindings.map {
        "\($0.verb.rawValue) \(ContractServices.restPrefix)\($0.path)"
      }
      #expect(described == Set(bound))
      // Every path that is described is there, and refuses nobody but strangers.
      for binding in ContractServices(server.world.useCases.gateway).bindings where binding.authentication == .session {
        let path = binding.path.replacing(/\{[A-Za-z]+\}/, with: "x")
        let method = HTTPMethod(rawValue: binding.verb.rawValue)
        #expect(try await server.api(method, path).status == 401, "\(method) \(path)")
      }
    }
  }

  @Test("references within the OpenAPI document lead somewhere")
  func openAPIReferences() async throws {
    try await ServerUnderTest.run { server in
      let document = try await server.ask(.GET, "/openapi.json").json
      var pending = [document]
      var count = 0
      while let value = pending.popLast() {
        switch value {
        case .object(let members):
          if let reference = members["$ref"]?.string {
            count += 1
            let target = reference.split(separator: "/").dropFirst().reduce(Optional(document)) { $0?[String($1)] }
            #expect(target?["type"] != nil || target?["content"] != nil, "\(reference)")
          }
          pending += members.values
        case .array(let items): pending += items
        default: break
        }
      }
      #expect(count > 50)
      let signUp = document["paths"]?["/api/v1/auth/signup"]?["post"]
      #expect(signUp?["description"]?.string?.contains("already_exists") == true)
      let user = document["components"]?["schemas"]?["User"]
      #expect(user?["properties"]?["role"]?["$ref"]?.string == "#/components/schemas/UserRole")
      #expect(document["components"]?["schemas"]?["UserRole"]?["enum"]?.items.count == 4)
    }
  }

  @Test("readiness tells each check's state and time, and the worst decides")
  func readiness() async throws {
    let storage = Mutex<ReadinessCheck.State>(.ok)
    let current = SharedState(storage)
    let checks = [
      ReadinessCheck("storage") { (current.value, nil) },
      ReadinessCheck("embedder") { (.degraded, "no model: run opentier models fetch") },
    ]
    try await ServerUnderTest.run(readiness: checks) { server in
      let degraded = try await server.ask(.GET, "/readyz")
      #expect(degraded.status == 200)
      #expect(degraded.json["status"]?.string == "degraded")
      #expect(degraded.json["checks"]?[0]?["name"]?.string == "storage")
      #expect(degraded.json["checks"]?[0]?["milliseconds"]?.number != nil)
      #expect(degraded.json["checks"]?[1]?["detail"]?.string == "no model: run opentier models fetch")
      current.value = .failed
      let failed = try await server.ask(.GET, "/readyz")
      #expect(failed.status == 503)
      #expect(failed.json["status"]?.string == "failed")
      #expect(try await server.ask(.GET, "/healthz").text == #"{"status":"ok"}"#)
      let metrics = try await server.ask(.GET, "/metrics")
      #expect(metrics.headers.first(name: "content-type") == "text/plain; version=0.0.4; charset=utf-8")
      #expect(metrics.text == "up 1\n")
    }
  }

  @Test("every answer has the security headers and the request's id")
  func headers() async throws {
    try await ServerUnderTest.run { server in
      for path in ["/", "/healthz", "/nothing", "/api/v1/auth/me"] {
        let reply = try await server.ask(.GET, path, headers: [("x-request-id", "mine-1")])
        #expect(reply.headers.first(name: "x-request-id") == "mine-1")
        #expect(reply.headers.first(name: "x-content-type-options") == "nosniff")
        #expect(reply.headers.first(name: "referrer-policy") == "no-referrer")
        #expect(reply.headers.first(name: "date")?.hasSuffix("GMT") == true)
        let policy = try required(reply.headers.first(name: "content-security-policy"))
        #expect(policy.hasPrefix("default-src 'self';"))
        #expect(policy.contains("require-trusted-types-for 'script'"))
      }
    }
  }

  @Test("the web client comes with its type and a tag, and only once")
  func webClient() async throws {
    try await ServerUnderTest.run { server in
      let page = try await server.ask(.GET, "/")
      #expect(page.status == 200)
      #expect(page.headers.first(name: "content-type") == "text/html; charset=utf-8")
      let tag = try required(page.headers.first(name: "etag"))
      let again = try await server.ask(.GET, "/index.html", headers: [("if-none-match", tag)])
      #expect(again.status == 304)
      #expect(again.bytes.isEmpty)
      for path in ["/../Package.swift", "/%2e%2e/Package.swift", "/index.html/", "/web/index.html"] {
        #expect(try await server.ask(.GET, path).status == 404, "\(path)")
      }
    }
  }

  @Test("the log has a line for each request with its template, and neither query nor body nor token")
  func accessLog() async throws {
    let lines = LogLines()
    var logger = Logger(label: "test") { _ in lines.handler() }
    logger.logLevel = .debug
    try await ServerUnderTest.run(logger: logger) { server in
      let token = try await server.signUp("ada")
      _ = try await server.ask(
        .GET, "/api/v1/conversations?pageSize=7", token: token, headers: [("x-request-id", "line-1")])
      _ = try await server.events("/chat", #"{"message":"a very private question"}"#, token: token)
      try await eventually { lines.all.contains { $0["route"] == "/api/v1/chat" } }
      let line = try required(lines.all.first { $0["request_id"] == "line-1" })
      #expect(line["route"] == "/api/v1/conversations")
      #expect(line["method"] == "GET")
      #expect(line["status"] == "200")
      #expect(line["user_id"]?.count == 36)
      #expect(line["duration_ms"].flatMap { Double($0) } != nil)
      let everything = lines.all.flatMap(\.values).joined(separator: " ")
      for secret in [token, "private", "pageSize", "correct horse", "ada@"] {
        #expect(!everything.contains(secret), "\(secret)")
      }
    }
  }

  @Test("what is logged within a call names it, and its caller as soon as that is known")
  func logMetadata() async throws {
    let call = CallContext(requestID: "r-1", bearerToken: "token", remoteAddress: nil, userAgent: nil)
    var context = ServiceContext.topLevel
    context.setLogMetadata(of: call)
    var found: [Logger.MetadataProvider] = []
    context.forEach { _, value in if let provider = value as? Logger.MetadataProvider { found.append(provider) } }
    let provider = try required(found.first)
    #expect(provider.get() == ["request_id": "r-1"])
    let caller = Principal(
      userID: UserID(UUID()), organizationID: OrganizationID(UUID()), role: .contributor, sessionID: SessionID(UUID()))
    try await call.authenticate { _ in caller }
    #expect(
      provider.get() == [
        "request_id": "r-1", "user_id": "\(caller.userID)", "organization_id": "\(caller.organizationID)",
      ])
  }
}

final class SharedState: Sendable {
  private let state: Mutex<ReadinessCheck.State>
  init(_ state: consuming Mutex<ReadinessCheck.State>) { self.state = state }
  var value: ReadinessCheck.State {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}

/// Keeps the metadata of log lines.
final class LogLines: Sendable {
  private let lines = Mutex<[[String: String]]>([])
  var all: [[String: String]] { lines.withLock { $0 } }

  func handler() -> Handler { Handler(lines: self) }

  struct Handler: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .debug
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
      let line = (event.metadata ?? [:]).mapValues(\.description)
        .merging(["message": event.message.description]) { first, _ in first }
      lines.lines.withLock { $0.append(line) }
    }
  }
}
