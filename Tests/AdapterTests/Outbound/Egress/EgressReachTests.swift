import Application
import AsyncHTTPClient
import Domain
import NIOHTTP1
import Testing

@testable import Egress
@testable import LanguageModels

@Suite("Where the names of allowed hosts may lead")
struct EgressReachTests {
  /// What became of a fetch from `docs.test`, which really is a server on this machine.
  private struct Attempt {
    let result: Result<Payload, FetchFailure>
    /// The requests that reached it.
    let requests: Int
    /// The connections that reached it.
    let connections: Int
  }

  /// - Parameters:
  ///   - found: what looking the name up before gives.
  ///   - isPrivate: whether `egress.private` lists it.
  ///   - connects: whether a connection is made, which the server may see only after the client has left it.
  private func fetch(
    found: [String], isPrivate: Bool = false, host: String = "docs.test", connects: Bool = false
  ) async throws -> Attempt {
    let addresses = found.compactMap { NetworkAddress($0) }
    try #require(addresses.count == found.count)
    return try await LoopbackHTTPServer.run({ request in
      request.uri == "/robots.txt"
        ? [.head(.notFound, ["content-length": "0"]), .end] : [.head(.ok, ["content-length": "2"]), .text("ok"), .end]
    }) { server in
      var configuration = EgressHTTPClient.configuration()
      configuration.dnsOverride = ["docs.test": "127.0.0.1"]
      let clients = EgressClients(configuration)
      let place = "\(host):\(server.port)"
      let result: Result<Payload, FetchFailure>
      do throws(FetchFailure) {
        let policy: EgressPolicy
        do { policy = try EgressPolicy(allow: [place], privateHosts: isPrivate ? [place] : []) } catch {
          throw .refused("\(error)")
        }
        let fetcher = HTTPContentFetcher(
          policy: policy, clients: clients, lookup: AddressLookup { _ in addresses })
        result = .success(try await fetcher.fetch("http://\(place)/page"))
      } catch {
        result = .failure(error)
      }
      try await clients.shutdown()
      if connects { _ = try await server.wait { $0.opened > 0 } }
      let record = server.state
      return Attempt(result: result, requests: record.requests.count, connections: record.opened)
    }
  }

  private static let ownNetwork =
    "docs.test leads into this server's own network; an operator can add it to the setting egress.private"
  private static let nowhere = "docs.test leads to an address that this server does not connect to"

  @Test(
    "a name that leads into this network is not even connected to, and which address it is stays untold",
    arguments: ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fd00::1", "::ffff:10.0.0.1"])
  func privateAddress(_ address: String) async throws {
    let attempt = try await fetch(found: ["93.184.215.14", address])
    #expect(attempt.result == .failure(.refused(Self.ownNetwork)))
    #expect(attempt.connections == 0)
  }

  @Test(
    "metadata services, the cable and what is nowhere are refused to hosts of egress.private, too",
    arguments: ["169.254.169.254", "169.254.1.1", "fe80::1", "100.100.100.200", "0.0.0.0", "224.0.0.1"],
    [false, true])
  func neverAddress(_ address: String, _ isPrivate: Bool) async throws {
    let attempt = try await fetch(found: [address], isPrivate: isPrivate)
    #expect(attempt.result == .failure(.refused(Self.nowhere)))
    #expect(attempt.connections == 0)
  }

  @Test("a name that leads elsewhere when it is connected to is left before anything is sent")
  func rebinding() async throws {
    let attempt = try await fetch(found: ["93.184.215.14"], connects: true)
    #expect(attempt.result == .failure(.refused(Self.ownNetwork)))
    #expect(attempt.connections == 1)
    #expect(attempt.requests == 0)
  }

  @Test("what egress.private lists is fetched from this network, and localhost is what it says")
  func listed() async throws {
    #expect(try await fetch(found: ["127.0.0.1"], isPrivate: true).result.get().bytes == Array("ok".utf8))
    #expect(try await fetch(found: ["127.0.0.1"], host: "localhost").result.get().bytes == Array("ok".utf8))
  }

  @Test("a name that cannot be found is unavailable, in the resolver's words; a lookup ends with its task")
  func lookup() async throws {
    let clients = EgressClients()
    let policy = try EgressPolicy(allow: ["nowhere.invalid"])
    let fetcher = HTTPContentFetcher(
      policy: policy, clients: clients,
      lookup: AddressLookup { _ in throw AddressLookup.Failure(reason: "it has gone") })
    await #expect(
      throws: FetchFailure.unavailable(
        "its robots.txt cannot be read: nowhere.invalid cannot be found: it has gone")
    ) {
      _ = try await fetcher.fetch("http://nowhere.invalid/")
    }
    try await clients.shutdown()
    let addresses = try await AddressLookup.system()("localhost")
    #expect(!addresses.isEmpty && addresses.allSatisfy { $0.reach == .loopback })
    await #expect(throws: AddressLookup.Failure.self) { _ = try await AddressLookup.system()("no host") }
  }

  @Test("a model's configured host may be in this network, a metadata service only by its address")
  func configured() throws {
    #expect(EgressReach.configured("ollama") == .alsoPrivate)
    #expect(EgressReach.configured("127.0.0.1") == .any)
    let metadata = try #require(NetworkAddress("169.254.169.254"))
    #expect(!EgressReach.alsoPrivate.permits(metadata))
    #expect(EgressReach.any.permits(metadata))
    #expect(EgressReach.alsoPrivate.permits(try #require(NetworkAddress("172.18.0.2"))))
    #expect(!EgressReach.global.permits(try #require(NetworkAddress("172.18.0.2"))))
  }

  @Test("a provider whose name leads where it must not gets no request and no key")
  func provider() async throws {
    try await LoopbackHTTPServer.run({ _ in [.head(.ok), .end] }) { server in
      var configuration = EgressHTTPClient.guarding(EgressHTTPClient.configuration(), .global)
      configuration.dnsOverride = ["models.test": "127.0.0.1"]
      let log = LogLines()
      let key = try #require(ProviderKey("secret"))
      let model = HTTPLanguageModel(
        try HTTPLanguageModel.Configuration(
          name: "far", dialect: .openAI, baseURL: "http://models.test:\(server.port)/v1", model: "m",
          keys: FixedKey(key)),
        connections: configuration, logger: log.logger)
      let request = ModelRequest(
        messages: [ModelMessage(role: .user, content: "hi")], question: "hi", sources: [], maximumTokens: nil)
      await #expect(
        throws: ModelFailure.misconfigured(
          "the provider of the model far is at an address that this server does not connect to")
      ) {
        _ = try await model.reply(to: request) { _ throws(ModelFailure) in }
      }
      try await model.shutdown()
      #expect(server.state.requests.isEmpty)
    }
  }
}
