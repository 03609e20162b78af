import Application
import AsyncHTTPClient
import Domain
import NIOCore
import NIOHTTP1
import Testing

@testable import Egress

@Suite("Fetching what a URL names")
struct HTTPContentFetcherTests {
  /// Fetches from a server that answers by a script; its own port is allowed.
  private func fetch(
    _ path: String = "/page", allow: [String] = [], limits: HTTPContentFetcher.Limits = .init(),
    _ answer: @escaping @Sendable (LoopbackHTTPServer.Request) -> [LoopbackHTTPServer.Step]
  ) async throws -> Result<Payload, FetchFailure> {
    try await LoopbackHTTPServer.run(withoutRules(answer)) { server in
      try await fetch("http://127.0.0.1:\(server.port)\(path)", allow: allow + ["127.0.0.1:\(server.port)"], limits)
    }
  }

  private func fetch(
    _ url: String, allow: [String], _ limits: HTTPContentFetcher.Limits = .init()
  ) async throws -> Result<Payload, FetchFailure> {
    let clients = EgressClients()
    let result: Result<Payload, FetchFailure>
    do throws(FetchFailure) {
      let fetcher = HTTPContentFetcher(policy: try policy(allow), clients: clients, limits: limits)
      result = .success(try await fetcher.fetch(url))
    } catch {
      result = .failure(error)
    }
    try await clients.shutdown()
    return result
  }

  /// A site that has no `robots.txt`.
  private func withoutRules(
    _ answer: @escaping @Sendable (LoopbackHTTPServer.Request) -> [LoopbackHTTPServer.Step]
  ) -> @Sendable (LoopbackHTTPServer.Request) -> [LoopbackHTTPServer.Step] {
    { $0.uri == "/robots.txt" ? [.head(.notFound, ["content-length": "0"]), .end] : answer($0) }
  }

  private func policy(_ allow: [String]) throws(FetchFailure) -> EgressPolicy {
    do { return try EgressPolicy(allow: allow) } catch { throw .refused("\(error)") }
  }

  private func isInvalid(_ result: Result<Payload, FetchFailure>) -> Bool {
    if case .failure(.invalid) = result { true } else { false }
  }

  private func isUnavailable(_ result: Result<Payload, FetchFailure>) -> Bool {
    if case .failure(.unavailable) = result { true } else { false }
  }

  @Test("gives the bytes, the media type and the file's name")
  func happy() async throws {
    let payload = try await fetch("/a/notes.md?v=1") { request in
      #expect(request.uri == "/a/notes.md?v=1")
      #expect(request.headers["authorization"].isEmpty)
      return [.head(.ok, ["content-type": "Text/Markdown; charset=utf-8"]), .text("# Hi\n"), .text("there"), .end]
    }.get()
    #expect(payload == Payload(bytes: Array("# Hi\nthere".utf8), mediaType: .markdown, fileName: "notes.md"))
  }

  @Test("an answer without a type is of an unknown type")
  func noType() async throws {
    let payload = try await fetch("/") { _ in [.head(.ok, [:]), .text("x"), .end] }.get()
    #expect(payload.mediaType == .unknown)
    #expect(payload.fileName == nil)
  }

  @Test("a host that is not on the list is not asked")
  func notAllowed() async throws {
    try await LoopbackHTTPServer.run({ _ in [.head(.ok), .end] }) { server in
      let result = try await fetch("http://127.0.0.1:\(server.port)/", allow: ["127.0.0.1"])
      #expect(
        result
          == .failure(
            .refused(
              "this server may not connect to 127.0.0.1:\(server.port); "
                + "an operator can add it to the setting egress.allow")))
      #expect(server.state.opened == 0)
    }
  }

  @Test("a redirect to an allowed address is followed", arguments: [301, 302, 303, 307, 308])
  func redirect(status: Int) async throws {
    let payload = try await fetch("/old") { request in
      request.uri == "/old"
        ? [.head(HTTPResponseStatus(statusCode: status), ["location": "/new/x.txt"]), .end]
        : [.head(.ok, ["content-type": "text/plain"]), .text(request.uri), .end]
    }.get()
    #expect(payload == Payload(bytes: Array("/new/x.txt".utf8), mediaType: .plainText, fileName: "x.txt"))
  }

  @Test("a redirect to an address that is not allowed is refused, and nobody is asked there")
  func redirectElsewhere() async throws {
    try await LoopbackHTTPServer.run({ _ in [.head(.ok), .end] }) { other in
      let port = other.port
      let result = try await fetch { _ in
        [.head(.found, ["location": "http://127.0.0.1:\(port)/secret"]), .end]
      }
      guard case .failure(.refused(let words)) = result else {
        Issue.record("\(result)")
        return
      }
      #expect(words.contains("127.0.0.1:\(port)") && words.contains("egress.allow"))
      #expect(other.state.opened == 0)
    }
  }

  @Test(
    "a redirect to what is no web address is refused",
    arguments: ["file:///etc/passwd", "http://127.0.0.1@evil.example/", "http://127.1/"])
  func redirectToNoAddress(location: String) async throws {
    let result = try await fetch { _ in [.head(.found, ["location": location]), .end] }
    if case .failure(.refused) = result { return }
    Issue.record("\(result)")
  }

  @Test("five redirects are followed, a sixth is not, and one without an address is an error")
  func redirectLimit() async throws {
    for (count, works) in [(5, true), (6, false)] {
      let result = try await fetch("/0") { request in
        let number = Int(request.uri.dropFirst()) ?? 0
        return number < count
          ? [.head(.found, ["location": "/\(number + 1)"]), .end] : [.head(.ok, [:]), .text("done"), .end]
      }
      #expect(isInvalid(result) != works)
      #expect(((try? result.get()) != nil) == works)
    }
    #expect(isInvalid(try await fetch { _ in [.head(.found, [:]), .end] }))
  }

  @Test("a body of the limit passes, one byte more does not, whether its length is announced or not")
  func size() async throws {
    var limits = HTTPContentFetcher.Limits()
    limits.maximumBytes = 1_000
    for length in [1_000, 1_001] {
      for announces in [true, false] {
        let headers: HTTPHeaders = announces ? ["content-length": "\(length)"] : [:]
        let result = try await fetch(limits: limits) { _ in
          [.head(.ok, headers), .bytes(Array(repeating: 65, count: length)), .end]
        }
        #expect(isInvalid(result) == (length > 1_000))
      }
    }
  }

  @Test("an endless body is cut off, and its connection closed")
  func endless() async throws {
    var limits = HTTPContentFetcher.Limits()
    limits.maximumBytes = 100_000
    let endless = LoopbackHTTPServer.Step.flood(Array(repeating: 65, count: 1_000), times: 1_000_000)
    try await LoopbackHTTPServer.run(withoutRules { _ in [.head(.ok), endless] }) { server in
      let result = try await fetch(
        "http://127.0.0.1:\(server.port)/", allow: ["127.0.0.1:\(server.port)"], limits)
      #expect(isInvalid(result))
      let hasClosed = try await server.wait { $0.closed >= 1 }
      #expect(hasClosed)
    }
  }

  @Test("a compressed body is refused: a small answer must not become a large one")
  func compressed() async throws {
    let result = try await fetch { request in
      #expect(request.headers["accept-encoding"] == ["identity"])
      return [.head(.ok, ["content-encoding": "gzip"]), .bytes([0x1F, 0x8B]), .end]
    }
    #expect(isInvalid(result))
  }

  @Test("a status says whether another try is worth it", arguments: [404, 403, 410, 400, 500, 503, 429, 408])
  func statuses(status: Int) async throws {
    let result = try await fetch { _ in [.head(HTTPResponseStatus(statusCode: status), [:]), .end] }
    #expect(isUnavailable(result) == (status >= 500 || status == 429 || status == 408))
    #expect(isInvalid(result) == !isUnavailable(result))
  }

  @Test("a host that stalls is given up after the whole time, before or after its head", arguments: [false, true])
  func stalls(sendsHead: Bool) async throws {
    var limits = HTTPContentFetcher.Limits()
    limits.total = .milliseconds(300)
    let result = try await fetch(limits: limits) { _ in sendsHead ? [.head(.ok, [:]), .text("x")] : [] }
    guard case .failure(.unavailable(let words)) = result else {
      Issue.record("\(result)")
      return
    }
    #expect(words.contains("took longer than"))
  }

  @Test("a body that breaks off, and nobody at the address, are worth another try")
  func breaksOff() async throws {
    #expect(isUnavailable(try await fetch { _ in [.head(.ok, ["content-length": "10"]), .text("x"), .close] }))
    let port = try await LoopbackHTTPServer.run({ _ in [] }) { $0.port }
    #expect(isUnavailable(try await fetch("http://127.0.0.1:\(port)/", allow: ["127.0.0.1:\(port)"])))
  }

  @Test("cancelling closes the connection")
  func cancelled() async throws {
    try await LoopbackHTTPServer.run(withoutRules { _ in [.head(.ok), .text("x")] }) { server in
      let (url, allow) = ("http://127.0.0.1:\(server.port)/", ["127.0.0.1:\(server.port)"])
      let clients = EgressClients()
      let fetcher = HTTPContentFetcher(policy: try policy(allow), clients: clients)
      let task = Task { () -> FetchFailure? in
        do throws(FetchFailure) {
          _ = try await fetcher.fetch(url)
          return nil
        } catch {
          return error
        }
      }
      let hasAsked = try await server.wait { $0.requests.count == 2 }
      #expect(hasAsked)
      task.cancel()
      #expect(await task.value == .cancelled)
      let hasClosed = try await server.wait { $0.closed >= 1 }
      #expect(hasClosed)
      try await clients.shutdown()
    }
  }

  @Test("an endless robots.txt is read to its limit, and what cannot be read allows nothing")
  func robots() async throws {
    let line = Array("#\(String(repeating: "x", count: 998))\n".utf8)
    let endless = try await LoopbackHTTPServer.run({ request in
      request.uri == "/robots.txt"
        ? [.head(.ok, [:]), .text("User-agent: *\nDisallow: /no\n"), .flood(line, times: 1_000_000)]
        : [.head(.ok, [:]), .text("x"), .end]
    }) { server in
      let allow = ["127.0.0.1:\(server.port)"]
      let refused = try await fetch("http://127.0.0.1:\(server.port)/no", allow: allow)
      #expect(refused == .failure(.refused("the robots.txt of 127.0.0.1 does not allow it")))
      return try await fetch("http://127.0.0.1:\(server.port)/yes", allow: allow)
    }
    #expect(try endless.get().bytes == Array("x".utf8))
    let broken = try await LoopbackHTTPServer.run({ request in
      [.head(request.uri == "/robots.txt" ? .serviceUnavailable : .ok, [:]), .end]
    }) { server in try await fetch("http://127.0.0.1:\(server.port)/", allow: ["127.0.0.1:\(server.port)"]) }
    #expect(isUnavailable(broken))
  }
}
