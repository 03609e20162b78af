import Application
import Contract
import GRPCServer
import Gateway
import HTTPServer
import Logging
import Settings

/// gRPC between the halves: the private contract and health, for gateways alone.
enum PrivateGRPC {
  /// The service to run beside the probes.
  static func service(
    _ configuration: ServerConfiguration, _ intelligence: any Intelligence, readiness: [ReadinessCheck],
    logger: Logger, onListening: @escaping GRPCService.OnListening
  ) -> GRPCService {
    var server = GRPCServerConfiguration()
    server.host = configuration.host
    server.port = configuration.grpcPort
    server.tls = configuration.intelligence.tls.map {
      GRPCServerTLS(certificate: $0.certificate, key: $0.key, clientCA: $0.ca)
    }
    // The gateway has held a question to its limit; in binary it is no longer, and the caller comes beside it.
    server.messageLimits = MessageLimits(
      standard: max(configuration.limits.chatBody, configuration.limits.requestBody) + 4096,
      byMethod: [
        "opentier.intelligence.v1.IntelligenceService/Embed": max(
          configuration.limits.submissionBody, configuration.limits.completionBody),
        "opentier.intelligence.v1.IntelligenceService/Complete": configuration.limits.completionBody + 4096,
      ])
    server.keepalive.interval = configuration.grpc.keepaliveInterval
    server.keepalive.timeout = configuration.grpc.keepaliveTimeout
    server.maximumStreams = configuration.grpc.maximumStreams
    server.shutdownGrace = configuration.shutdownGrace
    let service = IntelligenceService(
      intelligence, secret: configuration.intelligence.secret.map { GatewaySecret($0.reveal()) })
    let monitor = HealthMonitor(interval: .milliseconds(250)) { await PublicGRPC.isReady(readiness) }
    return GRPCService(
      configuration: server,
      services: [service, HealthService(monitor, names: [IntelligenceService.name])], logger: logger,
      onListening: onListening)
  }
}
