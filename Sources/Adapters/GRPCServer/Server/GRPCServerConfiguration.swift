/// What a gRPC server is told: where it listens, with which limits, and how it speaks to clients.
package struct GRPCServerConfiguration: Sendable {
  /// The address to listen on, or a name that stands for one.
  package var host = "127.0.0.1"
  /// The port to listen on; 0 takes a free one.
  package var port = 9090
  /// How connections are secured; `nil` is plain HTTP/2 (with prior knowledge).
  package var tls: GRPCServerTLS?
  /// How long messages may be.
  package var messageLimits = MessageLimits(standard: 128 << 10)
  /// When the server asks whether a client is still there.
  package var keepalive = Keepalive()
  /// How many calls one connection may have open at once; a client waits with more.
  package var maximumStreams = 1000
  /// When a connection is closed, so that clients look up the server's addresses again, as its open calls allow; `nil`
  /// never does.
  package var maximumConnectionAge: Duration?
  /// How long open calls may go on once the server is told to stop.
  package var shutdownGrace: Duration = .seconds(10)

  /// The standard settings.
  package init() {}

  /// The server's pings, which find connections whose client has gone without a word. Clients may ping as they like.
  package struct Keepalive: Sendable {
    /// How long a connection may be silent before it is pinged.
    package var interval: Duration = .seconds(60)
    /// How long the answer may take before the connection is closed.
    package var timeout: Duration = .seconds(20)

    /// The standard times.
    package init() {}
  }
}

/// The most bytes of a message, decompressed, by method; beyond, a call fails with `resource_exhausted`.
package struct MessageLimits: Sendable {
  /// For methods that have none of their own.
  package let standard: Int
  private let byMethod: [String: Int]

  /// Makes limits.
  ///
  /// - Parameter byMethod: by the method's full name, such as `opentier.v1.ChatService/StreamChat`.
  package init(standard: Int, byMethod: [String: Int] = [:]) {
    self.standard = standard
    self.byMethod = byMethod
  }

  /// The largest of them.
  package var largest: Int { max(standard, byMethod.values.max() ?? 0) }

  /// The limit of a method.
  package func bytes(for method: some StringProtocol) -> Int { byMethod[String(method)] ?? standard }
}
