import Application
import Egress
import Logging
import Settings
import SystemSecurity

/// The adapters of the public half alone, wired to its use cases.
struct GatewayAssembly: Sendable {
  let useCases: GatewayUseCases
  let storage: Storage
  let clock: WallClock
  private let clients: EgressClients

  /// Opens what the configuration names.
  ///
  /// - Throws: `CommandFailure` that says which value to change.
  static func open(
    _ configuration: ServerConfiguration, intelligence: any Intelligence, logger: Logger
  ) async throws -> GatewayAssembly {
    let storage = try await Storage.open(configuration, isServer: true, logger: logger)
    let clients = EgressClients()
    do {
      let clock = WallClock.system
      let world = GatewayWorld(
        users: storage.users, sessions: storage.sessions, apiKeys: storage.apiKeys,
        conversations: storage.conversations,
        memories: storage.memories, submissions: storage.submissions, documents: storage.documents,
        jobs: storage.jobs, collections: storage.collections, outbox: storage.outbox,
        usage: ObservedUsageLedger(ledger: storage.usage), budgets: storage.budgets, intelligence: intelligence,
        fetcher: HTTPContentFetcher(
          policy: try EgressPolicy(
            allow: configuration.egress.allowed, privateHosts: configuration.egress.privateHosts),
          clients: clients),
        hasher: try Assembly.hasher(configuration), secrets: SystemSecretGenerator(),
        makeID: .uuidVersion7(clock: clock), clock: clock)
      return GatewayAssembly(
        useCases: GatewayUseCases(world, Assembly.settings(configuration)) { TracedIntelligence.around($0) },
        storage: storage, clock: clock,
        clients: clients)
    } catch {
      // The failure that led here is what counts.
      try? await clients.shutdown()
      try? await storage.close()
      throw CommandFailure(.usage, "\(error)")
    }
  }

  /// Closes connections and files.
  func close() async throws {
    try await clients.shutdown()
    try await storage.close()
  }
}
