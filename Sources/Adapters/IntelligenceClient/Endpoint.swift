import Contract
import Domain
import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import Synchronization

/// One intelligence process: its connections, whether it serves, and its calls.
final class Endpoint: Sendable {
  private struct State {
    var isServing = false
    var servedAt: ContinuousClock.Instant?
    var callsUnderWay = 0
  }

  /// Its place, which is its name in logs.
  let id: String
  let weight: Int
  let connections: Connections
  private let configuration: IntelligenceClientConfiguration
  private let logger: Logger
  private let state = Mutex(State())

  /// Makes the first connection to an address.
  ///
  /// - Parameter authority: the name that the process's certificate is for, where the address is but its number.
  init(
    _ address: IntelligenceAddress, authority: String?, configuration: IntelligenceClientConfiguration, logger: Logger
  ) throws {
    id = address.description
    weight = address.weight
    self.configuration = configuration
    self.logger = logger
    connections = try Connections {
      GRPCClient(
        transport: try HTTP2ClientTransport.Posix(
          target: .dns(host: address.host, port: address.port), transportSecurity: configuration.transportSecurity,
          config: configuration.transport(authority: authority)))
    }
  }

  /// Whether it answered when it was asked last.
  var isServing: Bool { state.withLock { $0.isServing } }

  /// What the balancer is to know.
  var candidate: Balancer.Candidate {
    Balancer.Candidate(id: id, weight: weight, callsUnderWay: state.withLock { $0.callsUnderWay })
  }

  /// Begins a call, on the connection that it is lent.
  func begin() -> Connections.Lent {
    state.withLock { $0.callsUnderWay += 1 }
    return connections.take()
  }

  /// Ends a call.
  ///
  /// - Parameter wasReset: whether it was broken off on this side.
  func end(_ connection: Connections.Lent, wasReset: Bool) {
    state.withLock { $0.callsUnderWay -= 1 }
    connections.giveBack(connection, wasReset: wasReset)
  }

  /// Keeps the connections, and looks at an interval whether the process serves, until the task is cancelled.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [connections, logger, id] in
        await connections.run { error in
          logger.error(
            "a connection to the intelligence side ended", metadata: ["address": "\(id)", "reason": "\(error)"])
        }
      }
      group.addTask { [self] in
        while !Task.isCancelled {
          _ = await check()
          try? await Task.sleep(for: configuration.healthInterval)  // Ends early only when cancelled, as the loop sees.
        }
      }
      await group.next()
      connections.beginGracefulShutdown()
      group.cancelAll()
    }
  }

  /// Asks whether it serves, waiting for a connection no longer than the connect time-out.
  func check() async -> Bool {
    var options = CallOptions.defaults
    options.waitForReady = true
    options.timeout = configuration.connectTimeout
    let start = ContinuousClock.now
    let health = Grpc_Health_V1_Health.Client(wrapping: connections.first)
    let reason: String?
    do {
      let answer = try await health.check(Grpc_Health_V1_HealthCheckRequest(), options: options)
      reason = answer.status == .serving ? nil : "it says that it does not serve"
    } catch {
      if Task.isCancelled { return isServing }
      reason = "\(error)"
    }
    note(reason, since: start)
    return reason == nil
  }

  /// Notes that it serves, or why it does not; a change is told.
  ///
  /// - Parameter start: when the question was asked: a failure says nothing of a process that has answered since.
  func note(_ reason: String?, since start: ContinuousClock.Instant) {
    let changed = state.withLock { state in
      if reason != nil, let servedAt = state.servedAt, servedAt > start { return false }
      if reason == nil { state.servedAt = .now }
      defer { state.isServing = reason == nil }
      return state.isServing != (reason == nil)
    }
    guard changed else { return }
    if let reason {
      logger.warning("an intelligence process does not serve", metadata: ["address": "\(id)", "reason": "\(reason)"])
    } else {
      logger.info("an intelligence process serves", metadata: ["address": "\(id)"])
    }
  }
}
