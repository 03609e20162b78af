import GRPCNIOTransportHTTP2Posix

/// What the gateway is told of the intelligence side.
package struct IntelligenceClientConfiguration: Sendable {
  /// Where its processes are.
  package var addresses: [IntelligenceAddress]
  /// How calls are shared among them.
  package var policy: BalancingPolicy = .roundRobin
  /// What the gateway shows of itself; `nil` where certificates do.
  package var secret: String?
  /// How connections are secured; `nil` is plain HTTP/2.
  package var tls: TLS?
  /// How often each process is asked whether it serves, and names are looked up again.
  package var healthInterval: Duration = .seconds(2)
  /// How long a process has to answer that, and how long a call waits for a process that did not serve just now.
  package var connectTimeout: Duration = .milliseconds(1_500)
  /// The most bytes of an answer's message: a search answers with up to 100 passages.
  package var maximumResponseBytes = 64 << 20

  /// The standard settings.
  package init(addresses: [IntelligenceAddress]) { self.addresses = addresses }

  /// Files in PEM form.
  package struct TLS: Sendable {
    /// The certificates that the servers' own must come from.
    package let ca: String
    /// The gateway's certificate; `nil` shows none.
    package let certificate: String?
    /// The certificate's private key.
    package let key: String?

    /// Names the files.
    package init(ca: String, certificate: String? = nil, key: String? = nil) {
      self.ca = ca
      self.certificate = certificate
      self.key = key
    }
  }

  /// What the transport is told.
  var transportSecurity: HTTP2ClientTransport.Posix.TransportSecurity {
    guard let tls else { return .plaintext }
    guard let certificate = tls.certificate, let key = tls.key else {
      return .tls { $0.trustRoots = .certificates([.file(path: tls.ca, format: .pem)]) }
    }
    return .mTLS(
      certificateChain: [.file(path: certificate, format: .pem)], privateKey: .file(path: key, format: .pem)
    ) {
      $0.trustRoots = .certificates([.file(path: tls.ca, format: .pem)])
    }
  }

  /// How a connection behaves. Attempts to connect follow each other quickly, since a gateway has nothing else to do;
  /// pings find a peer that has gone without a word.
  func transport(authority: String?) -> HTTP2ClientTransport.Posix.Config {
    .defaults { config in
      config.http2.authority = authority
      config.http2.targetWindowSize = 1 << 20
      config.connection.keepalive = .init(time: .seconds(10), timeout: .seconds(5), allowWithoutCalls: true)
      config.backoff.initial = .milliseconds(50)
      config.backoff.max = .milliseconds(500)
    }
  }
}
