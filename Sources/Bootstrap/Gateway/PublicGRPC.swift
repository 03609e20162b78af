import Contract
import GRPCServer
package import HTTPServer
import Logging
import Settings

/// gRPC as the configuration asks for it: the public contract, health, and reflection.
package enum PublicGRPC {
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
  package static func isReady(_ checks: [ReadinessCheck]) async -> Bool {
    await withTaskGroup(of: Bool.self) { group in
      for check in checks { group.addTask { await check.check().state != .failed } }
      return await group.reduce(true) { $0 && $1 }
    }
  }
}
