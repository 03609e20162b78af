package import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// A gRPC server over HTTP/2 for services of any kind: the public contract, or private ones.
///
/// Told to stop (gracefully), it accepts no more connections and calls, and lets open calls end; when the grace time is
/// over it cancels them, and ends.
package struct GRPCService: Service {
  /// Told where the server listens, once it does.
  package typealias OnListening = @Sendable (_ host: String, _ port: Int) async -> Void

  /// Why the server cannot listen.
  package struct ListenFailure: Error, CustomStringConvertible {
    /// The address and port that were asked for.
    package let address: String
    /// What the system says.
    package let reason: String

    /// Both, in words.
    package var description: String { "cannot listen on \(address): \(reason)" }
  }

  private let configuration: GRPCServerConfiguration
  private let services: [any RegistrableRPCService]
  private let logger: Logger
  private let onListening: OnListening

  /// Makes a server.
  ///
  /// - Parameters:
  ///   - configuration: where to listen, and limits.
  ///   - services: what is served.
  ///   - logger: takes a line for each call.
  ///   - onListening: told the address and the port, which is of interest where the port was 0.
  package init(
    configuration: GRPCServerConfiguration, services: [any RegistrableRPCService], logger: Logger,
    onListening: @escaping OnListening = { _, _ in }
  ) {
    self.configuration = configuration
    self.services = services
    self.logger = logger
    self.onListening = onListening
  }

  private enum Step { case announced, stopped, graceIsOver }

  /// Serves until told to stop.
  ///
  /// - Throws: ``ListenFailure`` when the address is taken or is none of this machine.
  package func run() async throws {
    var router = RPCRouter<HTTP2ServerTransport.Posix>()
    for service in services { service.registerMethods(with: &router) }
    let (log, calls) = (CallLog(logger: logger), OpenCalls())
    router.registerInterceptors(pipeline: [.apply(CallInterceptor(log: log, calls: calls), to: .all)])
    let transport = HTTP2ServerTransport.Posix(
      address: try address(), transportSecurity: configuration.tls?.transportSecurity ?? .plaintext,
      config: transportConfiguration(methods: router.methods, log: log))
    let server = GRPCServer(transport: transport, router: router)

    try await withThrowingTaskGroup(of: Step.self) { group in
      group.addTask {
        do { try await server.serve() } catch { throw translated(error) }
        return .stopped
      }
      group.addTask {
        // Nothing is announced where nothing listens; the task above says why.
        if let address = try? await transport.listeningAddress { await announce(address) }
        return .announced
      }
      group.addTask { [grace = configuration.shutdownGrace, logger] in
        try await gracefulShutdown()
        server.beginGracefulShutdown()
        try await Task.sleep(for: grace)
        let count = calls.stop()
        if count > 0 {
          logger.warning("open calls were cancelled: the grace time is over", metadata: ["calls": "\(count)"])
          // So long for telling their clients.
          try await Task.sleep(for: .seconds(1))
        }
        return .graceIsOver
      }
      // Either the server has ended, or its grace time has; then what is still open is closed.
      var step = try await group.next()
      if step == .announced { step = try await group.next() }
      group.cancelAll()
      // What ends by cancellation is no failure.
      while let result = await group.nextResult() {
        if case .failure(let error) = result, !(error is CancellationError), step != .graceIsOver { throw error }
      }
    }
  }

  private func announce(_ address: GRPCNIOTransportCore.SocketAddress) async {
    await onListening(configuration.host, address.ipv4?.port ?? address.ipv6?.port ?? 0)
  }

  /// Looks the host up: the transport takes numbers alone.
  private func address() throws -> GRPCNIOTransportCore.SocketAddress {
    do {
      switch try NIOCore.SocketAddress.makeAddressResolvingHost(configuration.host, port: configuration.port) {
      case .v6(let address): return .ipv6(host: address.host.isEmpty ? "::" : address.host, port: configuration.port)
      case let address: return .ipv4(host: address.ipAddress ?? configuration.host, port: configuration.port)
      }
    } catch {
      throw listenFailure("no address of this name was found")
    }
  }

  private func listenFailure(_ reason: String) -> ListenFailure {
    let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
    return ListenFailure(address: "\(host):\(configuration.port)", reason: reason)
  }

  /// The library wraps what the system says.
  private func translated(_ error: any Error) -> any Error {
    var cause: any Error = error
    while let wrapper = cause as? RuntimeError, let inner = wrapper.cause { cause = inner }
    if let failure = cause as? IOError { return listenFailure(failure.words) }
    return cause
  }

  private func transportConfiguration(
    methods: [MethodDescriptor], log: CallLog
  ) -> HTTP2ServerTransport.Posix.Config {
    let limits = configuration.messageLimits
    let byName = Dictionary(methods.map { ($0.fullyQualifiedMethod, $0) }) { first, _ in first }
    return .defaults { config in
      // One more byte than any method takes: the gate lets a message through up to there, and the call says no.
      config.rpc.maxRequestPayloadSize = limits.largest + 1
      config.compression.enabledAlgorithms = [.gzip, .deflate]
      config.http2.maxConcurrentStreams = configuration.maximumStreams
      // Of a connection as of a stream: 64 KiB, the default, is 1.3 MB/s at 50 ms.
      config.http2.targetWindowSize = 1 << 20
      config.connection.maxAge = configuration.maximumConnectionAge
      config.connection.keepalive.time = configuration.keepalive.interval
      config.connection.keepalive.timeout = configuration.keepalive.timeout
      // grpcio measures the bandwidth with a ping a round trip, and would be thrown out as a flood.
      config.connection.keepalive.clientBehavior.allowWithoutCalls = true
      config.connection.keepalive.clientBehavior.minPingIntervalWithoutCalls = .zero
      config.channelDebuggingCallbacks.onAcceptTCPConnection = { [keepalive = configuration.keepalive] channel in
        channel.eventLoop.makeCompletedFuture { try SilenceLimit.apply(to: channel, keepalive) }
      }
      config.channelDebuggingCallbacks.onAcceptHTTP2Stream = { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            StreamGate(limits: limits, methods: byName, log: log), position: .first)
        }
      }
    }
  }
}
