import Application
import Contract
import Foundation
import GRPCServer
import Gateway
import HTTPServer
import IntelligenceClient
import Logging
import ServiceLifecycle
import Settings
import Telemetry

/// What `opentier serve` runs, by role: this page is where the halves are put together or kept apart.
struct ComposedServer {
  /// In the order of their start; they are stopped from the last to the first.
  let services: [any Service]
  /// Closes what the services used.
  let close: () async throws -> Void

  /// Both halves in one process: the public one calls the other directly.
  static func whole(
    _ configuration: ServerConfiguration, metrics: PrometheusRegistry, _ announcement: Announcement, logger: Logger
  ) async throws -> ComposedServer {
    let assembly = try await Assembly.open(configuration, isServer: true, logger: logger)
    let wires = Gateway(configuration, version: Version.current, logger: logger).wires(
      assembly.useCases.gateway, readiness: readiness(assembly),
      metricsText: text(of: metrics, assembly, logger), onHTTP: announcement.http, onGRPC: announcement.grpc)
    return ComposedServer(
      services: housekeeping(
        assembly.storage, assembly.useCases.gateway, assembly.world.clock, configuration, logger)
        + background(assembly, logger) + [wires],
      close: assembly.close)
  }

  /// The public half alone: what answers and searches is called over gRPC.
  static func gateway(
    _ configuration: ServerConfiguration, metrics: PrometheusRegistry, _ announcement: Announcement, logger: Logger
  ) async throws -> ComposedServer {
    guard let settings = RemoteIntelligence.settings(configuration) else {
      throw CommandFailure(
        .usage, "intelligence.addresses must be a list of \(ServerConfiguration.IntelligenceSide.addressForm)")
    }
    let client = IntelligenceClient(configuration: settings, logger: logger)
    let assembly = try await GatewayAssembly.open(configuration, intelligence: client, logger: logger)
    let wires = Gateway(configuration, version: Version.current, logger: logger).wires(
      assembly.useCases, readiness: [Readiness.check(assembly.storage), RemoteIntelligence.check(client)],
      metricsText: { metrics.exposition() }, onHTTP: announcement.http, onGRPC: announcement.grpc)
    return ComposedServer(
      services: housekeeping(assembly.storage, assembly.useCases, assembly.clock, configuration, logger)
        + [client, wires],
      close: assembly.close)
  }

  /// The half that is never public: gRPC for gateways, and probes.
  static func intelligence(
    _ configuration: ServerConfiguration, metrics: PrometheusRegistry, _ announcement: Announcement, logger: Logger
  ) async throws -> ComposedServer {
    let assembly = try await Assembly.open(configuration, isServer: true, logger: logger)
    let readiness = readiness(assembly)
    let probes = HTTPService(
      configuration: HTTPConfiguration(configuration, version: Version.current), readiness: readiness,
      metricsText: text(of: metrics, assembly, logger), logger: logger, onListening: announcement.http)
    let side = PrivateGRPC.service(
      configuration, LocalIntelligence(assembly.useCases.intelligence), readiness: readiness, logger: logger,
      onListening: announcement.grpc)
    return ComposedServer(
      services: [
        MemoryTending(),
        UsageTending(
          settlements: assembly.useCases.intelligence.settlements, counters: assembly.storage.usageCounters,
          clock: assembly.world.clock, logger: logger),
      ]
        + background(assembly, logger) + [Wires([probes, side])], close: assembly.close)
  }

  /// The metrics of a process that works on jobs, with those that are measured when they are asked for.
  private static func text(
    of metrics: PrometheusRegistry, _ assembly: Assembly, _ logger: Logger
  ) -> @Sendable () async -> String {
    let gauges = DeadLetterGauges(queue: assembly.storage.jobQueue, clock: assembly.world.clock, logger: logger)
    return {
      await gauges.refresh()
      return metrics.exposition()
    }
  }

  private static func readiness(_ assembly: Assembly) -> [ReadinessCheck] {
    [Readiness.check(assembly.storage), Readiness.check(assembly.embedders, assembly.embedder)]
  }

  /// What every deployment's public half does besides: removing what is over.
  private static func housekeeping(
    _ storage: Storage, _ useCases: GatewayUseCases, _ clock: WallClock, _ configuration: ServerConfiguration,
    _ logger: Logger
  ) -> [any Service] {
    [
      MemoryTending(),
      SessionSweeper(sessions: storage.sessions, clock: clock, logger: logger),
      APIKeyTending(keys: storage.apiKeys, uses: useCases.apiKeyUses, clock: clock, logger: logger),
      EventRetention(
        outbox: storage.outbox, retention: configuration.eventRetention, clock: clock, logger: logger),
      UsageTending(
        settlements: useCases.settlements, counters: storage.usageCounters, clock: clock, logger: logger),
    ]
  }

  /// The workers and what owns the answers, and what wakes them when another process has done something.
  private static func background(_ assembly: Assembly, _ logger: Logger) -> [any Service] {
    let replies = ReplyService(desk: assembly.useCases.desk, logger: logger)
    let workers = IngestionWorkers(
      useCases: assembly.useCases.intelligence, embedders: assembly.embedders, builtIn: assembly.embedder,
      warm: assembly.storage.warm,
      count: assembly.configuration.ingestion.workers, name: "\(ProcessInfo.processInfo.hostName)-\(getpid())",
      logger: logger)
    guard let listener = assembly.storage.listener else { return [workers, replies] }
    return [
      ReplicaListener(
        listener: listener, signal: assembly.useCases.signal, desk: assembly.useCases.desk, logger: logger),
      workers, replies,
    ]
  }
}
