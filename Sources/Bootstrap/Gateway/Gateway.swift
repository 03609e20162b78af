package import Application
import Contract
import GRPCServer
package import HTTPServer
import IntelligenceClient
package import Logging
import ServiceLifecycle
package import Settings

/// The public half of the server: the contract over its use cases, on every wire.
///
/// It knows no model, no embedder and no extraction, and this target links none: what thinks is behind the port
/// `Intelligence`, here or in another process.
package struct Gateway: Sendable {
  private let configuration: ServerConfiguration
  private let version: String
  private let logger: Logger

  /// Makes the half that a configuration asks for.
  ///
  /// - Parameter version: what the OpenAPI document names.
  package init(_ configuration: ServerConfiguration, version: String, logger: Logger) {
    self.configuration = configuration
    self.version = version
    self.logger = logger
  }

  /// The servers of all wires.
  ///
  /// - Parameters:
  ///   - useCases: what they call.
  ///   - readiness: what `/readyz` and gRPC's health look at.
  ///   - metricsText: the body of `/metrics`.
  ///   - onHTTP: told where HTTP listens.
  ///   - onGRPC: told where gRPC listens.
  package func wires(
    _ useCases: GatewayUseCases, readiness: [ReadinessCheck], metricsText: @escaping @Sendable () async -> String,
    onHTTP: @escaping HTTPService.OnListening, onGRPC: @escaping @Sendable (String, Int) async -> Void
  ) -> Wires {
    let contract = ContractServices(useCases)
    let http = HTTPService(
      configuration: HTTPConfiguration(configuration, version: version), services: contract,
      intelligence: useCases.intelligence, readiness: readiness, metricsText: metricsText, logger: logger,
      onListening: onHTTP)
    let grpc = PublicGRPC.service(
      configuration, contract: contract, readiness: readiness, logger: logger, onListening: onGRPC)
    return Wires([http, grpc])
  }
}

extension HTTPConfiguration {
  /// HTTP as a configuration asks for it.
  package init(_ configuration: ServerConfiguration, version: String) {
    self.init()
    host = configuration.host
    port = configuration.port
    keepAliveInterval = configuration.chat.keepAlive
    shutdownGrace = configuration.shutdownGrace
    limits.standardBody = configuration.limits.requestBody
    limits.chatBody = configuration.limits.chatBody
    limits.completionBody = configuration.limits.completionBody
    limits.mcpBody = configuration.limits.mcpBody
    limits.submissionBody = configuration.limits.submissionBody
    limits.uploadedFile = configuration.limits.uploadBody
    allowedOrigins = configuration.corsOrigins
    mcpHosts = configuration.mcpHosts
    mcpTextBytes = configuration.mcpTextBytes
    self.version = version
  }
}
