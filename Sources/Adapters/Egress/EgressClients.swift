package import AsyncHTTPClient
import NIOCore

/// The HTTP clients of this server, one for each reach: every request that it makes goes through one of them.
package struct EgressClients: Sendable {
  private let global: HTTPClient
  private let alsoPrivate: HTTPClient
  private let any: HTTPClient

  /// Makes them; whoever does calls ``shutdown()`` in the end.
  ///
  /// - Parameter configuration: made with ``EgressHTTPClient/configuration(connectTimeout:)``.
  package init(_ configuration: HTTPClient.Configuration = EgressHTTPClient.configuration()) {
    func client(_ reach: EgressReach) -> HTTPClient {
      HTTPClient(eventLoopGroupProvider: .singleton, configuration: EgressHTTPClient.guarding(configuration, reach))
    }
    (global, alsoPrivate, any) = (client(.global), client(.alsoPrivate), client(.any))
  }

  /// The client whose connections go no further.
  package subscript(reach reach: EgressReach) -> HTTPClient {
    switch reach {
    case .global: global
    case .alsoPrivate: alsoPrivate
    case .any: any
    }
  }

  /// Closes their connections.
  package func shutdown() async throws {
    var failure: (any Error)?
    for client in [global, alsoPrivate, any] {
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
