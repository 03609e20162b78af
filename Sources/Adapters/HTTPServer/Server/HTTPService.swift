package import Application
package import Contract
import EmbeddedFiles
import FoundationEssentials
import HummingbirdCore
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The HTTP server: REST with server-sent events, Connect, gRPC-Web, OpenAI's API, MCP, the OpenAPI document, probes,
/// metrics, the web client.
///
/// Told to stop (gracefully), it accepts no more connections and lets open requests and streams end; when the grace time
/// is over it cancels them, and ends.
package struct HTTPService: Service {
  /// Told where the server listens, once it does.
  package typealias OnListening = @Sendable (_ host: String, _ port: Int) async -> Void

  private let responder: Responder
  private let open = OpenConnections()
  /// `nil` where the OpenAI-compatible API is not served.
  private let completions: CompletionCalls?
  private let configuration: HTTPConfiguration
  private let logger: Logger
  private let onListening: OnListening

  /// Makes a server.
  ///
  /// - Parameters:
  ///   - configuration: where to listen, and limits.
  ///   - services: the contract.
  ///   - intelligence: the models of the OpenAI-compatible API.
  ///   - readiness: what `/readyz` looks at.
  ///   - metricsText: the body of `/metrics`, in Prometheus' text format 0.0.4.
  ///   - logger: takes a line for each request.
  ///   - onListening: told the address and the port, which is of interest where the port was 0.
  package init(
    configuration: HTTPConfiguration, services: ContractServices, intelligence: any Intelligence,
    readiness: [ReadinessCheck], metricsText: @escaping @Sendable () async -> String, logger: Logger,
    onListening: @escaping OnListening = { _, _ in }
  ) {
    self.configuration = configuration
    self.logger = logger
    self.onListening = onListening
    let openAI = OpenAIAPI(intelligence, services: services, limits: configuration.limits)
    let (log, cors) = (AccessLog(logger: logger), CORSPolicy(origins: configuration.allowedOrigins))
    completions = CompletionCalls(openAI, configuration, open: open, log: log, cors: cors)
    responder = Responder(
      routes: RouteTable(
        services: services, readiness: readiness, metricsText: metricsText, version: configuration.version,
        files: EmbeddedFiles.files(in: "web")),
      services: services, openAI: openAI, mcp: MCPAPI(services, configuration), configuration: configuration, log: log,
      cors: cors)
  }

  /// Makes a server that is not public: it answers `/healthz`, `/readyz` and `/metrics` alone.
  package init(
    configuration: HTTPConfiguration, readiness: [ReadinessCheck], metricsText: @escaping @Sendable () async -> String,
    logger: Logger, onListening: @escaping OnListening = { _, _ in }
  ) {
    self.configuration = configuration
    self.logger = logger
    self.onListening = onListening
    completions = nil
    responder = Responder(
      routes: RouteTable(readiness: readiness, metricsText: metricsText),
      services: ContractServices(bindings: []) { _ throws(ContractError) in
        throw ContractError(.unimplemented, "nobody signs in here")
      }, openAI: nil, mcp: nil, configuration: configuration, log: AccessLog(logger: logger),
      cors: CORSPolicy(origins: []))
  }

  /// Serves until told to stop.
  package func run() async throws {
    var serverLogger = logger
    serverLogger.logLevel = max(serverLogger.logLevel, .warning)
    let (host, onListening, open) = (configuration.host, onListening, open)
    let connections = ConnectionChannel(
      completions: completions, limits: configuration.limits, open: open, logger: serverLogger
    ) { [responder] request, response, channel in
      try await responder.respond(to: request, response, channel)
    }
    let server = connections.server(
      configuration: ServerConfiguration(
        address: .hostname(host, port: configuration.port), backlog: configuration.backlog),
      onServerRunning: { channel in await onListening(host, channel.localAddress?.port ?? 0) },
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: serverLogger)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await server.run()
        // It takes no more connections; those that it has taken end when they are between requests.
        await open.untilIdle()
        return true
      }
      group.addTask { [grace = configuration.shutdownGrace] in
        try await gracefulShutdown()
        try await Task.sleep(for: grace)
        return false
      }
      // Either the server has ended, or its grace time has; then what is still open is cancelled.
      var ended = await group.nextResult()
      if case .success(false)? = ended { logger.warning("open requests were cancelled: the grace time is over") }
      open.cancelAll()
      group.cancelAll()
      while let result = ended {
        // The timer that loses ends by cancellation, which is no failure.
        if case .failure(let error) = result, !(error is CancellationError) { throw error }
        ended = await group.nextResult()
      }
    }
  }
}
