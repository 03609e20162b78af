import Contract
import GRPCCore
import ServiceLifecycle
import Synchronization
import Testing

@testable import GRPCServer

/// Whether the server under test works, and how often that was asked.
private final class Switch: Sendable {
  private let state = Mutex((isOn: true, count: 0))
  var count: Int { state.withLock { $0.count } }
  func set(_ isOn: Bool) { state.withLock { $0.isOn = isOn } }
  func look() -> Bool {
    state.withLock { state in
      state.count += 1
      return state.isOn
    }
  }
}

struct HealthTests {
  private typealias Client = Grpc_Health_V1_Health.Client

  private static func run(
    interval: Duration = .milliseconds(20),
    _ body: @Sendable @escaping (RunningServer, Client<HTTP2>, Switch) async throws -> Void
  ) async throws {
    let works = Switch()
    let monitor = HealthMonitor(interval: interval) { works.look() }
    try await RunningServer.run([HealthService(monitor, names: ["a.Service"])]) { server in
      try await body(server, Client(wrapping: server.client), works)
    }
  }

  @Test("the server and its services are told by name, others are not known")
  func check() async throws {
    try await Self.run { _, client, works in
      for name in ["", "a.Service"] { #expect(try await client.check(.of(name)).status == .serving) }
      let error = await #expect(throws: RPCError.self) { try await client.check(.of("b.Service")) }
      #expect(error?.code == .notFound)
      #expect(try await client.list(.init()).statuses.keys.sorted() == ["", "a.Service"])
      works.set(false)
      try await Task.sleep(for: .milliseconds(40))
      #expect(try await client.check(.of("")).status == .notServing)
    }
  }

  @Test("the checks are looked at once in an interval, however many ask, and not while nobody does")
  func bounds() async throws {
    try await Self.run(interval: .seconds(60)) { _, client, works in
      #expect(works.count == 0)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<20 { group.addTask { _ = try await client.check(.of("")) } }
        try await group.waitForAll()
      }
      #expect(works.count == 1)
    }
  }

  @Test("a watcher is told of each change, once")
  func watch() async throws {
    try await Self.run { server, client, works in
      try await client.watch(.of("a.Service")) { response in
        var statuses = response.messages.makeAsyncIterator()
        #expect(try await statuses.next()?.status == .serving)
        try await Task.sleep(for: .milliseconds(100))
        works.set(false)
        #expect(try await statuses.next()?.status == .notServing)
        works.set(true)
        #expect(try await statuses.next()?.status == .serving)
        // A server that is told to stop says so, and ends the stream.
        await server.group.triggerGracefulShutdown()
        #expect(try await statuses.next()?.status == .notServing)
        await #expect(throws: RPCError.self) { try await statuses.next() }
      }
    }
  }

  @Test("a service that is not served is not known to a watcher")
  func unknown() async throws {
    try await Self.run { _, client, _ in
      try await client.watch(.of("b.Service")) { response in
        var statuses = response.messages.makeAsyncIterator()
        let status = try await statuses.next()?.status
        #expect(status == .serviceUnknown)
      }
    }
  }
}

extension Grpc_Health_V1_HealthCheckRequest {
  fileprivate static func of(_ service: String) -> Self {
    var request = Self()
    request.service = service
    return request
  }
}
