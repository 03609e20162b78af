import Application
import AsyncHTTPClient
import Contract
import FoundationEssentials
import HTTPServer
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization

/// A running server and what a test asks it with.
struct ServerUnderTest: Sendable {
  let port: Int
  let world: WireWorld
  let group: ServiceGroup

  /// Runs a server on a free port while `body` does its work.
  static func run(
    world: WireWorld = WireWorld(), readiness: [ReadinessCheck] = [],
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
    configure: (inout HTTPConfiguration) -> Void = { _ in },
    _ body: @Sendable (ServerUnderTest) async throws -> Void
  ) async throws {
    var configuration = HTTPConfiguration()
    configuration.port = 0
    configuration.shutdownGrace = .milliseconds(200)
    configure(&configuration)
    let (ports, publish) = AsyncStream<Int>.makeStream()
    let service = HTTPService(
      configuration: configuration, services: ContractServices(world.useCases.gateway),
      intelligence: world.useCases.gateway.intelligence, readiness: readiness,
      metricsText: { "up 1\n" }, logger: logger
    ) { _, port in
      publish.yield(port)
      publish.finish()
    }
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(services: [service], logger: Logger(label: "group")))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      var iterator = ports.makeAsyncIterator()
      let port = try required(await iterator.next())
      try await body(ServerUnderTest(port: port, world: world, group: group))
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
    }
  }

  /// A client that leaves compressed answers as they come.
  private static let client = HTTPClient(
    eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: HTTPClient.Configuration(decompression: .disabled))

  /// An answer, read whole.
  struct Reply: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let bytes: [UInt8]
    var text: String { String(decoding: bytes, as: UTF8.self) }
    /// The body as JSON.
    var json: JSON { JSON(bytes) }
    /// The `code` of an error.
    var code: String? { json["code"]?.string }
    /// The status and the code.
    var summary: [String] { [String(status), code ?? ""] }
  }

  /// Asks and reads the whole answer.
  func ask(
    _ method: HTTPMethod, _ path: String, body: [UInt8]? = nil, type: String? = "application/json",
    token: String? = nil, headers: [(String, String)] = []
  ) async throws -> Reply {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
    request.method = method
    if let body {
      request.body = .bytes(body)
      if let type { request.headers.add(name: "content-type", value: type) }
    }
    if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
    for (name, value) in headers { request.headers.add(name: name, value: value) }
    let response = try await Self.client.execute(request, timeout: .seconds(20))
    let bytes = try await response.body.collect(upTo: 64 << 20)
    return Reply(status: Int(response.status.code), headers: response.headers, bytes: Array(bytes.readableBytesView))
  }

  /// Asks with JSON below `/api/v1`.
  func api(
    _ method: HTTPMethod, _ path: String, _ json: String? = nil, token: String? = nil
  ) async throws -> Reply {
    try await ask(method, "/api/v1" + path, body: json.map { Array($0.utf8) }, token: token)
  }

  /// Signs somebody up; the first is the admin.
  func signUp(_ name: String) async throws -> String {
    let reply = try await api(
      .POST, "/auth/signup",
      #"{"email":"\#(name)@example.org","password":"correct horse","displayName":"\#(name)"}"#)
    return try required(reply.json["session"]?["token"]?.string)
  }

  /// Submits a text, approves it, and has it ingested; answers with the document's id.
  func publish(_ text: String, title: String, token: String) async throws -> String {
    let submitted = try await api(
      .POST, "/submissions", #"{"title":\#(JSONText.quoted(title)),"text":\#(JSONText.quoted(text))}"#, token: token)
    let id = try required(submitted.json["submission"]?["id"]?.string)
    let approved = try await api(.POST, "/submissions/\(id)/approve", "{}", token: token)
    let job = try required(approved.json["jobId"]?.string)
    try await world.ingest()
    return try required(try await api(.GET, "/jobs/\(job)", token: token).json["job"]?["documentId"]?.string)
  }

  /// Asks for a stream and reads it to its end.
  func events(_ path: String, _ json: String? = nil, token: String) async throws -> [ServerSentEvent] {
    let reply = try await api(json == nil ? .GET : .POST, path, json, token: token)
    return ServerSentEvent.parse(reply.text)
  }
}

/// An event as a client sees it.
struct ServerSentEvent: Equatable {
  var id = ""
  var name = ""
  var data = ""
  var json: JSON { JSON(Array(data.utf8)) }

  static func parse(_ text: String) -> [ServerSentEvent] {
    text.components(separatedBy: "\n\n").compactMap { block in
      var event = ServerSentEvent()
      for line in block.split(separator: "\n") where !line.hasPrefix(":") {
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { continue }
        let value = String(parts[1].dropFirst())
        switch parts[0] {
        case "id": event.id = value
        case "event": event.name = value
        case "data": event.data += value
        default: break
        }
      }
      return event.name.isEmpty ? nil : event
    }
  }
}

/// JSON, read loosely for looking into it.
enum JSON: Equatable, Decodable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([String: JSON])

  init(_ bytes: [UInt8]) { self = (try? JSONDecoder().decode(JSON.self, from: Data(bytes))) ?? .null }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSON].self) {
      self = .array(value)
    } else if let value = try? container.decode([String: JSON].self) {
      self = .object(value)
    } else {
      self = .null
    }
  }

  subscript(_ key: String) -> JSON? { if case .object(let members) = self { members[key] } else { nil } }
  subscript(_ index: Int) -> JSON? {
    if case .array(let items) = self, items.indices.contains(index) { items[index] } else { nil }
  }
  var string: String? { if case .string(let text) = self { text } else { nil } }
  var number: Double? { if case .number(let number) = self { number } else { nil } }
  var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  var items: [JSON] { if case .array(let items) = self { items } else { [] } }
  var keys: [String] { if case .object(let members) = self { members.keys.sorted() } else { [] } }
}

extension String {
  /// The parts between a separator.
  func components(separatedBy separator: String) -> [String] {
    var parts: [String] = []
    var rest = self[...]
    while let range = rest.firstRange(of: separator) {
      parts.append(String(rest[..<range.lowerBound]))
      rest = rest[range.upperBound...]
    }
    return parts + [String(rest)]
  }
}
