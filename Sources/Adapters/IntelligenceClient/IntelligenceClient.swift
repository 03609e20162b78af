import Application
import Contract
import Domain
import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import Logging
import ServiceLifecycle
import Synchronization

/// The intelligence in other processes, called over gRPC and shared by a policy among those that serve.
///
/// It connects as soon as it runs, and goes on without a connection: who cannot be reached is tried again, and calls
/// wait a moment for it before they fail as `.unavailable`.
package final class IntelligenceClient: Service {
  private struct State {
    var endpoints: [String: Endpoint] = [:]
    var balancer: Balancer
  }

  let configuration: IntelligenceClientConfiguration
  let logger: Logger
  private let state: Mutex<State>

  /// Makes a client, which connects once it runs.
  package init(configuration: IntelligenceClientConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
    state = Mutex(State(balancer: Balancer(configuration.policy)))
  }

  /// How many processes serve, and of how many.
  package var status: (serving: Int, known: Int) {
    let endpoints = state.withLock { Array($0.endpoints.values) }
    return (endpoints.count(where: \.isServing), endpoints.count)
  }

  /// Those that serve, in the order of their places.
  var serving: [Endpoint] {
    state.withLock { Array($0.endpoints.values) }.filter(\.isServing).sorted { $0.id < $1.id }
  }

  /// Keeps the connections until told to stop. Open calls end by themselves before: the wires are stopped first.
  package func run() async throws {
    await cancelWhenGracefulShutdown { [self] in
      await withDiscardingTaskGroup { group in
        while !Task.isCancelled {
          for endpoint in await renewed() { group.addTask { await endpoint.run() } }
          try? await Task.sleep(for: configuration.healthInterval)  // Ends early only when cancelled, as the loop sees.
        }
      }
    }
  }

  /// Looks the names up, and takes the endpoints that are new and lets those go that are gone.
  ///
  /// - Returns: the new ones, to be run.
  private func renewed() async -> [Endpoint] {
    var wanted: [String: (address: IntelligenceAddress, authority: String?)] = [:]
    var unresolved: Set<String> = []
    for address in configuration.addresses {
      guard address.isResolved else {
        wanted[address.description] = (address, nil)
        continue
      }
      let found = await NameLookup.addresses(of: address.host)
      // A name server that does not answer takes nobody's process away.
      if found.isEmpty { unresolved.insert(address.host) }
      for host in found {
        let one = IntelligenceAddress(host: host, port: address.port, weight: address.weight)
        wanted[one.description] = (one, address.host)
      }
    }
    for host in unresolved { logger.warning("a name has no addresses", metadata: ["name": "\(host)"]) }
    var new: [Endpoint] = []
    let known = state.withLock { Set($0.endpoints.keys) }
    for (id, place) in wanted where !known.contains(id) {
      do {
        new.append(
          try Endpoint(place.address, authority: place.authority, configuration: configuration, logger: logger))
      } catch {
        logger.error("an address cannot be used", metadata: ["address": "\(id)", "reason": "\(error)"])
      }
    }
    let gone = state.withLock { state in
      for endpoint in new { state.endpoints[endpoint.id] = endpoint }
      guard unresolved.isEmpty else { return [Endpoint]() }
      let gone = state.endpoints.values.filter { wanted[$0.id] == nil }
      for endpoint in gone { state.endpoints[endpoint.id] = nil }
      return gone
    }
    // Its open calls may end; then its task does.
    for endpoint in gone { endpoint.connections.beginGracefulShutdown() }
    return new
  }

  /// The process for a call: one that serves, else one that does after a moment.
  ///
  /// - Parameter tried: those that have just failed.
  func endpoint(for organization: OrganizationID?, but tried: Set<String>) async throws(CallFailure) -> Endpoint {
    let all = state.withLock { $0.endpoints.values.sorted { $0.id < $1.id } }.filter { !tried.contains($0.id) }
    if let chosen = choose(among: all.filter(\.isServing), for: organization) { return chosen }
    // Nobody serves, as far as is known: ask all, and take the first that does.
    let found = await withTaskGroup(of: Endpoint?.self) { group in
      for endpoint in all { group.addTask { await endpoint.check() ? endpoint : nil } }
      for await endpoint in group where endpoint != nil {
        group.cancelAll()
        return endpoint
      }
      return nil
    }
    guard let found else { throw CallFailure(nil, mayHaveBegun: false) }
    return found
  }

  private func choose(among endpoints: [Endpoint], for organization: OrganizationID?) -> Endpoint? {
    let candidates = endpoints.map(\.candidate)
    return state.withLock { $0.balancer.choose(among: candidates, for: organization) }.map { endpoints[$0] }
  }
}
