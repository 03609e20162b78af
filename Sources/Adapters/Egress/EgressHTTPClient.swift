package import AsyncHTTPClient
package import NIOCore

/// How HTTP clients of this server are set up that go to addresses which users name.
package enum EgressHTTPClient {
  /// No redirects followed by the client itself (each is checked first), no decompression (a small answer must not
  /// become a large one), no connection retried behind the caller's back, HTTP/1.1.
  ///
  /// - Parameter connectTimeout: how long connecting and the TLS handshake may take.
  package static func configuration(connectTimeout: TimeAmount = .seconds(5)) -> HTTPClient.Configuration {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: connectTimeout), decompression: .disabled)
    configuration.httpVersion = .http1Only
    // Spans are made by decorators of the ports; and sites that users name need not know of our traces.
    configuration.tracing.tracer = nil
    configuration.connectionPool.retryConnectionEstablishment = false
    return configuration
  }
}
