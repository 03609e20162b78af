import ArgumentParser
import Foundation
import GRPCServer
import Logging
import NIOCore
import ServiceLifecycle
import Settings
import UnixSignals

/// `opentier serve`.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Start the server.",
    discussion: """
      Without flags it serves http://127.0.0.1:8080 and gRPC on 127.0.0.1:9090, in the offline profile: one SQLite file,
      no other service. The first account that signs up becomes the admin. SIGTERM and SIGINT stop it: open streams may
      end, running jobs go back to the queue. The roles split the server along one boundary: the gateway is public and
      calls intelligence processes, which answer, search and ingest over the same data and serve gateways alone.
      """)

  @OptionGroup var common: CommonOptions
  @Option(help: "all, gateway or intelligence.") var role: String?
  @Option(help: "The address to listen on.") var host: String?
  @Option(help: "The port for HTTP; 0 takes a free one.") var port: String?
  @Option(
    name: .customLong("grpc-port"), help: "The port for gRPC; 0 takes a free one, and is the default with --port 0.")
  var grpcPort: String?
  @Option(
    name: .customLong("intelligence"),
    help: "Where a gateway finds the intelligence side: host:port, several with commas between.")
  var intelligence: String?

  func run() async throws {
    var flags: [String: String] = [:]
    flags["role"] = role
    flags["host"] = host
    flags["port"] = port
    flags["grpcPort"] = grpcPort
    flags["intelligence.addresses"] = intelligence
    let configuration = try common.configuration(flags)
    try TLSFiles.check(configuration)
    OpenFiles.raiseLimit()
    let started = Observability.start(configuration)
    let (logger, metrics) = (started.logger, started.metrics)
    let announcement = Announcement(configuration, logger, isJSON: common.json)
    let server: ComposedServer
    switch configuration.role {
    case .all: server = try await .whole(configuration, metrics: metrics, announcement, logger: logger)
    case .gateway: server = try await .gateway(configuration, metrics: metrics, announcement, logger: logger)
    case .intelligence: server = try await .intelligence(configuration, metrics: metrics, announcement, logger: logger)
    }
    var services = server.services
    if let spans = started.spans, let endpoint = configuration.telemetry.endpoint {
      // First in, last out: what the others do until they have stopped is exported.
      services.insert(try SpanExportService(spans, to: endpoint, configuration, logger: logger), at: 0)
    }
    var group = ServiceGroupConfiguration(
      services: services.map { .init(service: $0) },
      gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    // The server cancels what is still open when its grace time is over; this bound is for what does not listen.
    group.maximumGracefulShutdownDuration = configuration.shutdownGrace + .seconds(5)
    do {
      try await ServiceGroup(configuration: group).run()
    } catch {
      try? await server.close()  // The failure that led here is what counts.
      throw CommandFailure(.unavailable, Self.words(for: error, configuration))
    }
    try await server.close()
    logger.info("stopped")
  }

  private static func words(for error: any Error, _ configuration: ServerConfiguration) -> String {
    switch error {
    case let failure as GRPCService.ListenFailure: return "gRPC \(failure) (another port: --grpc-port)"
    case let failure as IOError:
      let reason = String(cString: strerror(failure.errnoCode))
      return "cannot listen on \(configuration.host):\(configuration.port): \(reason) (another port: --port)"
    default: return "the server stopped: \(error)"
    }
  }
}
