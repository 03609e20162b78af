import Application
import ArgumentParser
import Contract
import Domain
import Embeddings
import Foundation
import GRPCServer
import HTTPServer
import Logging
import Metrics
import NIOCore
import ServiceLifecycle
import Settings
import Telemetry
import UnixSignals

/// `opentier serve`.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Start the server.",
    discussion: """
      Without flags it serves http://127.0.0.1:8080 and gRPC on 127.0.0.1:9090, in the offline profile: one SQLite file,
      no other service. The first account that signs up becomes the admin. SIGTERM and SIGINT stop it: open streams may
      end, running jobs go back to the queue.
      """)

  @OptionGroup var common: CommonOptions
  @Option(help: "all, gateway or intelligence.") var role: String?
  @Option(help: "The address to listen on.") var host: String?
  @Option(help: "The port for HTTP; 0 takes a free one.") var port: String?
  @Option(
    name: .customLong("grpc-port"), help: "The port for gRPC; 0 takes a free one, and is the default with --port 0.")
  var grpcPort: String?

  func run() async throws {
    var flags: [String: String] = [:]
    flags["role"] = role
    flags["host"] = host
    flags["port"] = port
    flags["grpcPort"] = grpcPort
    let configuration = try common.configuration(flags)
    guard configuration.role == .all else {
      throw CommandFailure(
        .usage, "this build serves both halves in one process: use --role all, or leave --role out")
    }
    try PublicGRPC.check(configuration)
    let (logger, metrics) = Observability.start(configuration)
    let assembly = try await Assembly.open(configuration, isServer: true, logger: logger)
    let (contract, readiness) = (ContractServices(assembly.useCases.gateway), Self.readiness(assembly))
    let announcement = Announcement(configuration, logger, isJSON: common.json)
    let http = HTTPService(
      configuration: Self.http(configuration), services: contract, readiness: readiness,
      metricsText: { metrics.exposition() }, logger: logger, onListening: announcement.http)
    let grpc = PublicGRPC.service(
      configuration, contract: contract, readiness: readiness, logger: logger, onListening: announcement.grpc)
    let server = Wires(services: [http, grpc])
    let workers = IngestionWorkers(
      useCases: assembly.useCases, embedder: assembly.embedder, warm: assembly.storage.warm,
      count: configuration.ingestion.workers, name: "\(ProcessInfo.processInfo.hostName)-\(getpid())",
      logger: logger)
    let sweeper = SessionSweeper(sessions: assembly.world.sessions, clock: assembly.world.clock, logger: logger)
    let retention = EventRetention(
      outbox: assembly.world.outbox, retention: configuration.eventRetention, clock: assembly.world.clock,
      logger: logger)
    var services: [any Service] = [sweeper, retention, workers, server]
    if let listener = assembly.storage.listener {
      services.insert(JobListener(listener: listener, signal: assembly.useCases.signal, logger: logger), at: 0)
    }
    var group = ServiceGroupConfiguration(
      services: services.map { .init(service: $0) },
      gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    // The server cancels what is still open when its grace time is over; this bound is for what does not listen.
    group.maximumGracefulShutdownDuration = configuration.shutdownGrace + .seconds(5)
    do {
      try await ServiceGroup(configuration: group).run()
    } catch {
      try? await assembly.close()  // The failure that led here is what counts.
      throw CommandFailure(.unavailable, Self.words(for: error, configuration))
    }
    try await assembly.close()
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

  private static func http(_ configuration: ServerConfiguration) -> HTTPConfiguration {
    var http = HTTPConfiguration()
    http.host = configuration.host
    http.port = configuration.port
    http.keepAliveInterval = configuration.chat.keepAlive
    http.shutdownGrace = configuration.shutdownGrace
    http.limits.standardBody = configuration.limits.requestBody
    http.limits.chatBody = configuration.limits.chatBody
    http.limits.submissionBody = configuration.limits.submissionBody
    http.limits.uploadedFile = configuration.limits.uploadBody
    http.allowedOrigins = configuration.corsOrigins
    http.version = Version.current
    return http
  }

  /// How long a readiness probe waits for the storage; whoever probes gives up after a few seconds, too.
  private static let readinessTimeout: Duration = .seconds(2)

  private static func storageState(_ assembly: Assembly) async -> (state: ReadinessCheck.State, detail: String?) {
    do {
      try await assembly.storage.check()
      return (.ok, nil)
    } catch let failure as StorageFailure {
      return (.failed, failure.words)
    } catch {
      return (.failed, "\(error)")
    }
  }

  private static func readiness(_ assembly: Assembly) -> [ReadinessCheck] {
    [
      ReadinessCheck("storage") {
        await withTaskGroup(of: (state: ReadinessCheck.State, detail: String?).self) { group in
          group.addTask { await Self.storageState(assembly) }
          group.addTask {
            try? await Task.sleep(for: readinessTimeout)  // Ends early only when the storage has answered.
            return (.failed, "the storage did not answer within \(readinessTimeout / .seconds(1)) s")
          }
          let first = await group.next()
          group.cancelAll()
          return first ?? (.failed, nil)
        }
      },
      ReadinessCheck("embedder") {
        switch assembly.embedder.current {
        case .ready(let embedder): (.ok, embedder.model.name)
        case .absent(let reason): (.degraded, "search finds by words alone: \(reason)")
        case .idle, .loading: (.degraded, "the model is being loaded")
        }
      },
    ]
  }
}
