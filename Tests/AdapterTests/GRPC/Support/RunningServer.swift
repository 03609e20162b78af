import Contract
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import GRPCServer
import Logging
import ServiceLifecycle
import SwiftProtobuf

/// A running server, and a client of it.
struct RunningServer: Sendable {
  typealias Client = GRPCClient<HTTP2ClientTransport.Posix>

  let port: Int
  let client: Client
  let group: ServiceGroup

  /// Runs a server on a free port while `body` does its work.
  static func run(
    _ services: [any RegistrableRPCService], configure: (inout GRPCServerConfiguration) -> Void = { _ in },
    _ body: @Sendable @escaping (RunningServer) async throws -> Void
  ) async throws {
    var configuration = GRPCServerConfiguration.onFreePort
    configure(&configuration)
    let (ports, publish) = AsyncStream<Int>.makeStream()
    let service = GRPCService(
      configuration: configuration, services: services, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) { _, port in
      publish.yield(port)
    }
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(services: [service], logger: Logger(label: "group")))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        defer { publish.finish() }
        try await group.run()
      }
      var iterator = ports.makeAsyncIterator()
      guard let port = await iterator.next() else {
        try await tasks.waitForAll()
        throw Missing()
      }
      try await withGRPCClient(
        transport: .http2NIOPosix(target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: .plaintext)
      ) { client in
        try await body(RunningServer(port: port, client: client, group: group))
      }
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
    }
  }

  /// Runs a server of one method.
  static func run(
    _ binding: Binding, limit: Int = 1 << 20, grace: Duration = .milliseconds(300),
    authenticate: @escaping CallContext.Authenticate = { _ async throws(ContractError) in throw .nobody },
    _ body: @Sendable @escaping (RunningServer) async throws -> Void
  ) async throws {
    let limits = MessageLimits(standard: limit)
    let services = ContractServices(bindings: [binding], authenticate: authenticate)
    try await run([ContractGRPCService(services, limits: limits)]) {
      $0.messageLimits = limits
      $0.shutdownGrace = grace
    } _: { server in
      try await body(server)
    }
  }

  /// Calls a method with one answer.
  func call<Input: Message, Output: Message>(
    _ method: MethodDescriptor, _ message: Input, metadata: Metadata = [:], answer: Output.Type = Output.self
  ) async throws -> Output {
    try await client.unary(
      request: ClientRequest(message: message, metadata: metadata), descriptor: method,
      serializer: ProtobufSerializer<Input>(), deserializer: ProtobufDeserializer<Output>(), options: .defaults
    ) { try $0.message }
  }

  /// What a call fails with.
  func failure(
    _ method: MethodDescriptor, _ message: some Message, metadata: Metadata = [:]
  ) async throws -> RPCError {
    do {
      let answer: Opentier_V1_SearchResponse = try await call(method, message, metadata: metadata)
      throw Unexpected(answer: "\(answer)")
    } catch let error as RPCError {
      return error
    }
  }

  struct Unexpected: Error { let answer: String }
}

extension ContractError {
  static let nobody = ContractError(.unauthenticated, "the session has ended")
}

struct Missing: Error {}

/// The value, or a failed test.
func required<Value>(_ value: Value?) throws -> Value {
  guard let value else { throw Missing() }
  return value
}

/// The transport of clients.
typealias HTTP2 = HTTP2ClientTransport.Posix

extension GRPCServerConfiguration {
  /// For tests.
  static var onFreePort: GRPCServerConfiguration {
    var configuration = GRPCServerConfiguration()
    configuration.port = 0
    configuration.shutdownGrace = .milliseconds(300)
    return configuration
  }
}
