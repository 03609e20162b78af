package import Contract
package import GRPCCore
import ServiceLifecycle

/// `grpc.health.v1.Health` for the server as a whole, which has no name, and for each service, all with one status.
package struct HealthService: Grpc_Health_V1_Health.SimpleServiceProtocol {
  /// Its full name.
  package static let name = Grpc_Health_V1_Health.descriptor.fullyQualifiedService

  private let monitor: HealthMonitor
  private let names: Set<String>

  /// Makes the service.
  ///
  /// - Parameter names: the full names of the services that have a status.
  package init(_ monitor: HealthMonitor, names: [String]) {
    self.monitor = monitor
    self.names = Set(names).union([""])
  }

  /// The status now.
  ///
  /// - Throws: `not_found` for a service that is not served.
  package func check(
    request: Grpc_Health_V1_HealthCheckRequest, context: ServerContext
  ) async throws -> Grpc_Health_V1_HealthCheckResponse {
    guard names.contains(request.service) else {
      throw ContractError(.notFound, "there is no service of this name")
    }
    return .with(status: await monitor.status())
  }

  /// The status of the server and of all services.
  package func list(
    request: Grpc_Health_V1_HealthListRequest, context: ServerContext
  ) async throws -> Grpc_Health_V1_HealthListResponse {
    let status = Grpc_Health_V1_HealthCheckResponse.with(status: await monitor.status())
    var response = Grpc_Health_V1_HealthListResponse()
    response.statuses = Dictionary(uniqueKeysWithValues: names.map { ($0, status) })
    return response
  }

  /// The status now, and again when it changes; for a service that is not served, that, and nothing else.
  ///
  /// - Throws: `unavailable` behind the last status, when the server is told to stop: nobody's watching is waited for.
  package func watch(
    request: Grpc_Health_V1_HealthCheckRequest, response: RPCWriter<Grpc_Health_V1_HealthCheckResponse>,
    context: ServerContext
  ) async throws {
    let isKnown = names.contains(request.service)
    var told: Grpc_Health_V1_HealthCheckResponse.ServingStatus?
    while true {
      let isStopping = Task.isShuttingDownGracefully
      let status = isKnown ? await monitor.status() : .serviceUnknown
      if status != told {
        try await response.write(.with(status: status))
        told = status
      }
      if isStopping { throw ContractError(.unavailable, "the server is being stopped") }
      try await monitor.wait()
    }
  }
}

extension Grpc_Health_V1_HealthCheckResponse {
  fileprivate static func with(status: ServingStatus) -> Self {
    var response = Self()
    response.status = status
    return response
  }
}
