import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// The connections to one provider, kept from call to call.
///
/// A call takes a connection of the event loop that it runs on, so that a reply goes from socket to socket on one thread: the
/// streamed answers of a gateway are too many for an HTTP client that hands every part from thread to thread.
final class ProviderConnections: Sendable {
  /// Why there was no answer.
  enum Failure: Error, Hashable {
    /// The connection, or its TLS handshake, took too long.
    case connectTimeout
    /// The connection was closed before a byte of an answer.
    case closed
    /// The answer was cut off.
    case cut
    /// The connections were shut down.
    case shutDown
  }

  /// Where a provider is.
  struct Address: Hashable, Sendable {
    let host: String
    let port: Int
    let isTLS: Bool
    /// The host, with the port where it is not the scheme's own, as `Host` has it.
    let authority: String
    /// What stands before the path of a call.
    let prefix: String

    /// Reads an absolute `http` or `https` URL; `nil` for anything else.
    init?(_ baseURL: String) {
      guard let url = URL(string: baseURL), let host = url.host(), !host.isEmpty,
        let scheme = baseURL.firstRange(of: "://")
      else { return nil }
      isTLS = url.scheme == "https"
      self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
      port = url.port ?? (isTLS ? 443 : 80)
      let rest = baseURL[scheme.upperBound...]
      authority = String(rest.prefix { $0 != "/" })
      prefix = String(rest.dropFirst(authority.count))
    }
  }

  /// How long a connection is kept that nobody uses.
  static let idleTime = TimeAmount.seconds(60)
  /// The most of them on one event loop.
  static let maximumIdle = 1_024

  private struct State {
    var idle: [ObjectIdentifier: [ProviderConnection]] = [:]
    var all: [ObjectIdentifier: ProviderConnection] = [:]
    var isShutDown = false
    var tls: NIOSSLContext?
  }

  let address: Address
  private let settings: HTTPClient.Configuration
  private let connectTimeout: TimeAmount
  private let group: any EventLoopGroup
  private let state = Mutex(State())

  /// Makes none yet.
  ///
  /// - Parameter settings: of which the TLS configuration, the addresses that stand in for names, and the check of a new
  ///   connection count.
  init(
    to address: Address, settings: HTTPClient.Configuration, connectTimeout: TimeAmount, group: any EventLoopGroup
  ) {
    self.address = address
    self.settings = settings
    self.connectTimeout = connectTimeout
    self.group = group
  }

  /// The event loop of the calling thread, or any.
  var eventLoop: any EventLoop { MultiThreadedEventLoopGroup.currentEventLoop ?? group.next() }

  /// Sends a request, and returns when the head of the answer is here.
  ///
  /// A connection that was kept may have been closed by the provider in the very moment: then another is made, once.
  ///
  /// - Parameter watch: ends the call when a time runs out, and when its task is cancelled.
  func send(_ request: ProviderRequest, watch: ReplyWatch) async throws -> ProviderExchange {
    let here = MultiThreadedEventLoopGroup.currentEventLoop
    if let kept = takeIdle(on: here), let eventLoop = kept.channel?.eventLoop {
      let exchange = ProviderExchange(on: eventLoop)
      watch.follow(exchange)
      kept.start(exchange, request)
      do {
        try await exchange.untilHead()
        return exchange
      } catch Failure.closed {}
    }
    let exchange = ProviderExchange(on: here ?? group.next())
    watch.follow(exchange)
    connect(exchange, request)
    try await exchange.untilHead()
    return exchange
  }

  // Connecting

  private func connect(_ exchange: ProviderExchange, _ request: ProviderRequest) {
    let eventLoop = exchange.eventLoop
    let tls: NIOSSLContext?
    do { tls = try tlsContext() } catch { return exchange.fail(error) }
    let connection = ProviderConnection(pool: self)
    let deadline = NIODeadline.now() + connectTimeout
    let timer = eventLoop.scheduleTask(deadline: deadline) {
      exchange.fail(Failure.connectTimeout)
      connection.channel?.close(promise: nil)
    }
    let host = settings.dnsOverride[address.host] ?? address.host
    ClientBootstrap(group: eventLoop)
      .connectTimeout(connectTimeout)
      // The buffer is kept from one part of a stream to the next, and grows where more comes at once.
      .channelOption(
        .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 512, maximum: 65_536)
      )
      .connect(host: host, port: address.port)
      .flatMap { [settings] channel -> EventLoopFuture<any Channel> in
        // Before anything is sent.
        let check = settings.http1_1ConnectionDebugInitializer?(channel) ?? eventLoop.makeSucceededVoidFuture()
        return check.map { channel }
      }
      .flatMapThrowing { [address] channel in
        do {
          let pipeline = channel.pipeline.syncOperations
          if let tls {
            // A certificate for an address is held against the address itself.
            let name = (try? SocketAddress(ipAddress: address.host, port: 0)) == nil ? address.host : nil
            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
          }
          // Nothing of a client's goes into a head but a trace that was read before, and a key is visible ASCII.
          try pipeline.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes, enableOutboundHeaderValidation: false)
          try pipeline.addHandler(connection)
          return connection.ready(on: eventLoop)
        } catch {
          channel.close(promise: nil)
          throw error
        }
      }
      .flatMap { (ready: EventLoopFuture<Void>) in ready }
      .whenComplete { [self] result in
        timer.cancel()
        switch result {
        case .success:
          guard register(connection) else {
            connection.close()
            return exchange.fail(Failure.shutDown)
          }
          connection.start(exchange, request)
        case .failure(let error):
          connection.close()
          exchange.fail(error)
        }
      }
  }

  private func tlsContext() throws -> NIOSSLContext? {
    guard address.isTLS else { return nil }
    return try state.withLock { state in
      if let tls = state.tls { return tls }
      var configuration = settings.tlsConfiguration ?? .makeClientConfiguration()
      configuration.applicationProtocols = ["http/1.1"]
      let tls = try NIOSSLContext(configuration: configuration)
      state.tls = tls
      return tls
    }
  }

  // Keeping

  private func register(_ connection: ProviderConnection) -> Bool {
    state.withLock { state in
      if state.isShutDown { return false }
      state.all[ObjectIdentifier(connection)] = connection
      return true
    }
  }

  /// A kept connection of an event loop, or of any where the caller is on none.
  private func takeIdle(on eventLoop: (any EventLoop)?) -> ProviderConnection? {
    // The one that was used last: those that are too many then stay unused, and end.
    state.withLock { state in
      let place = eventLoop.map { ObjectIdentifier($0) } ?? state.idle.first { !$0.value.isEmpty }?.key
      return place.flatMap { state.idle[$0]?.popLast() }
    }
  }

  /// Keeps a connection for the next call; `false` where it is to be closed.
  func keep(_ connection: ProviderConnection, on eventLoop: any EventLoop) -> Bool {
    state.withLock { state in
      guard !state.isShutDown, state.idle[ObjectIdentifier(eventLoop), default: []].count < Self.maximumIdle else {
        return false
      }
      state.idle[ObjectIdentifier(eventLoop), default: []].append(connection)
      return true
    }
  }

  /// Takes a connection that has been idle too long, if nobody was faster.
  func withdraw(_ connection: ProviderConnection, on eventLoop: any EventLoop) -> Bool {
    state.withLock { state in
      guard let place = state.idle[ObjectIdentifier(eventLoop)]?.firstIndex(where: { $0 === connection }) else {
        return false
      }
      state.idle[ObjectIdentifier(eventLoop)]?.remove(at: place)
      return true
    }
  }

  /// A connection has ended.
  func forget(_ connection: ProviderConnection, on eventLoop: any EventLoop) {
    _ = withdraw(connection, on: eventLoop)
    state.withLock { $0.all[ObjectIdentifier(connection)] = nil }
  }

  /// Closes the connections; calls under way fail.
  func shutdown() async {
    let all = state.withLock { state in
      state.isShutDown = true
      state.idle = [:]
      return Array(state.all.values)
    }
    for connection in all { await connection.closed() }
  }
}

/// A request, ready to be sent.
struct ProviderRequest: Sendable {
  let head: HTTPRequestHead
  let body: ByteBuffer
}
