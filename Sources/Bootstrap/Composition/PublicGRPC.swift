import Contract
import GRPCServer
import HTTPServer
import Logging
import ServiceLifecycle
import Settings

/// gRPC as the configuration asks for it: the public contract, health, and reflection.
enum PublicGRPC {
  /// Reads the files that TLS needs, before anything is opened.
  static func check(_ configuration: ServerConfiguration) throws(CommandFailure) {
    guard let tls = tls(configuration) else { return }
    let (key, path, why): (String, String, String)
    do throws(GRPCServerTLS.Failure) {
      try tls.check()
      return
    } catch {
      switch error {
      case .certificate(let reason): (key, path, why) = ("grpc.tls.certificate", tls.certificate, reason)
      case .key(let reason): (key, path, why) = ("grpc.tls.key", tls.key, reason)
      case .clientCA(let reason): (key, path, why) = ("grpc.tls.clientCA", tls.clientCA ?? "", reason)
      }
    }
    let source = configuration.effectiveValues.first { $0.key == key }?.source ?? .default
    throw CommandFailure(.usage, "\(key) names \(path), which \(why) (\(source)).")
  }

  /// The service to run beside HTTP's.
  static func service(
    _ configuration: ServerConfiguration, contract: ContractServices, readiness: [ReadinessCheck], logger: Logger,
    onListening: @escaping GRPCService.OnListening
  ) -> GRPCService {
    let limits = MessageLimits(of: contract) { limit in
      switch limit {
      case .standard: configuration.limits.requestBody
      case .chat: configuration.limits.chatBody
      case .submission: configuration.limits.submissionBody
      }
    }
    let service = ContractGRPCService(contract, limits: limits)
    let monitor = HealthMonitor { await isReady(readiness) }
    return GRPCService(
      configuration: server(configuration, limits),
      services: [
        service, HealthService(monitor, names: service.names),
        ReflectionService(of: service.names + [HealthService.name], in: ContractFiles.all),
      ], logger: logger, onListening: onListening)
  }

  private static func server(
    _ configuration: ServerConfiguration, _ limits: MessageLimits
  ) -> GRPCServerConfiguration {
    var server = GRPCServerConfiguration()
    server.host = configuration.host
    server.port = configuration.grpcPort
    server.tls = tls(configuration)
    server.messageLimits = limits
    server.keepalive.interval = configuration.grpc.keepaliveInterval
    server.keepalive.timeout = configuration.grpc.keepaliveTimeout
    server.maximumStreams = configuration.grpc.maximumStreams
    server.maximumConnectionAge = configuration.grpc.maximumConnectionAge
    server.shutdownGrace = configuration.shutdownGrace
    return server
  }

  private static func tls(_ configuration: ServerConfiguration) -> GRPCServerTLS? {
    configuration.grpc.tls.map {
      GRPCServerTLS(certificate: $0.certificate, key: $0.key, clientCA: $0.clientCA)
    }
  }

  /// As `/readyz` says: whoever works with less is ready.
  private static func isReady(_ checks: [ReadinessCheck]) async -> Bool {
    await withTaskGroup(of: Bool.self) { group in
      for check in checks { group.addTask { await check.check().state != .failed } }
      return await group.reduce(true) { $0 && $1 }
    }
  }
}

/// Servers that are told to stop at the same time: a service group stops its services one after the other, and each
/// has the whole grace time.
struct Wires: Service {
  let services: [any Service]

  /// Runs all, until they have ended or one has failed.
  func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for service in services { group.addTask { try await service.run() } }
      // Unlike `waitForAll`, this ends with the first failure, and so cancels the others.
      while try await group.next() != nil {}
    }
  }
}
