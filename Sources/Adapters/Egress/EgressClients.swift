package import AsyncHTTPClient
import NIOCore

/// The HTTP clients of this server, one for each reach: every request that it makes goes through one of them.
package struct EgressClients: Sendable {
  private let clients: [EgressReach: HTTPClient]

  /// Makes them; whoever does calls ``shutdown()`` in the end.
  ///
  /// - Parameter configuration: made with ``EgressHTTPClient/configuration(connectTimeout:)``.
  package init(_ configuration: HTTPClient.Configuration = EgressHTTPClient.configuration()) {
    clients = Dictionary(
      uniqueKeysWithValues: EgressReach.allCases.map { reach in
        (
          reach,
          HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: EgressHTTPClient.guarding(configuration, reach))
        )
      })
  }

  /// The client whose connections go no further.
  package subscript(reach reach: EgressReach) -> HTTPClient {
    guard let client = clients[reach] else { preconditionFailure("there is a client for each reach") }
    return client
  }

  /// Closes their connections.
  package func shutdown() async throws {
    var failure: (any Error)?
    for client in clients.values {
      do { try await client.shutdown() } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
  }
}

extension EgressHTTPClient {
  /// The same, with connections that go no further.
  package static func guarding(
    _ configuration: HTTPClient.Configuration, _ reach: EgressReach
  ) -> HTTPClient.Configuration {
    var configuration = configuration
    configuration.http1_1ConnectionDebugInitializer = { reach.check($0) }
    return configuration
  }
}
