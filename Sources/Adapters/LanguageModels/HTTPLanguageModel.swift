package import Application
package import AsyncHTTPClient
import Domain
import FoundationEssentials
package import Instrumentation
package import Logging
package import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// A model behind a provider's streaming HTTP interface, in one of the dialects that ``ProviderWire`` writes.
///
/// Sends one `POST` and reads the stream of events as far as its reader takes it off. Redirects are not followed, so the
/// key goes to no other address. A key that the provider refuses is asked for once more, in case it was rotated.
package final class HTTPLanguageModel: LanguageModel {
  package let name: String
  private let configuration: Configuration
  private let wire: any ProviderWire
  private let client: HTTPClient
  private let instrument: (any Instrument)?
  private let logger: Logger

  /// Makes a model with a connection pool of its own; whoever makes it calls ``shutdown()`` in the end.
  ///
  /// - Parameters:
  ///   - connections: how connections are made: which certificates are trusted, which addresses are refused.
  ///   - instrument: puts the trace of the calling task into the request's headers; `nil` takes the process's own.
  ///   - logger: gets one line for each failed call: the model's name and the reason that users see; no content.
  package init(
    _ configuration: Configuration, connections: HTTPClient.Configuration = HTTPClient.Configuration(),
    eventLoopGroup: any EventLoopGroup = HTTPClient.defaultEventLoopGroup,
    instrument: (any Instrument)? = nil, logger: Logger
  ) {
    self.instrument = instrument
    name = configuration.name
    self.configuration = configuration
    wire = configuration.dialect.wire
    self.logger = logger
    var settings = connections
    settings.redirectConfiguration = .disallow
    settings.timeout = .init(connect: TimeAmount(configuration.timeouts.connect))
    settings.decompression = .disabled
    settings.httpVersion = .http1Only
    settings.connectionPool.retryConnectionEstablishment = false
    // A stream holds its connection as long as the model talks: the standard of 8 would make the ninth user wait.
    settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1_024
    // Spans are made by decorators of the port, and the context is injected below, once.
    settings.tracing.tracer = nil
    client = HTTPClient(eventLoopGroupProvider: .shared(eventLoopGroup), configuration: settings)
  }

  /// Closes the connections; calls under way fail.
  package func shutdown() async throws { try await client.shutdown() }

  package func unsupported(in request: ModelRequest) -> String? {
    wire.unsupported(in: request).map { "the model \(name) does not take \($0)" }
  }

  package func reply(
    to request: ModelRequest, emit: @Sendable (String) async throws(ModelFailure) -> Void
  ) async throws(ModelFailure) -> ReplyEnd {
    // The client may still send a request whose task is cancelled already.
    guard !Task.isCancelled else { throw .cancelled }
    if let reason = unsupported(in: request) { throw .rejected(reason) }
    let body: Data
    do {
      body = try wire.body(request, model: configuration.model, temperature: configuration.temperature)
    } catch {
      throw .rejected("the request to the model \(name) cannot be written as JSON")
    }
    let timeouts = configuration.timeouts
    let watch = ReplyWatch(firstToken: timeouts.firstToken, gap: timeouts.gap, whole: timeouts.whole)
    let stream = ReplyStream(
      name: name, wire: wire, offeredTools: Set(request.tools.map(\.name)),
      maximumEventBytes: configuration.limits.eventBytes)
    let failure: ModelFailure
    do {
      // `emit` does not outlive this call: the watch's tasks have ended when `run` returns.
      try await withoutActuallyEscaping(emit) { emit in
        try await watch.run { [self] in
          try await read(request, body, into: stream, watch: watch, emit: emit)
        }
      }
      return try stream.end()
    } catch let error as ModelFailure {
      failure = error
    } catch {
      if !Task.isCancelled, !(error is CancellationError), let end = try? stream.end() {
        // The reply was whole; only what follows it (usage, the final mark) is missing.
        return end
      }
      failure = Task.isCancelled ? .cancelled : translated(error, hasBegun: stream.hasBegun)
    }
    if Task.isCancelled || failure == .cancelled {
      await connectionsHaveSettled()
      throw .cancelled
    }
    logger.warning("the model gave no whole reply", metadata: ["model": "\(name)", "reason": "\(failure)"])
    throw failure
  }

  private func read(
    _ request: ModelRequest, _ body: Data, into stream: ReplyStream, watch: ReplyWatch,
    emit: @Sendable (String) async throws(ModelFailure) -> Void
  ) async throws {
    let (response, key) = try await configuration.keys.answer { key in
      try await client.execute(httpRequest(request, body, key), deadline: .distantFuture, logger: nil)
    }
    guard response.status == .ok else {
      let error = try await error(of: response, key: key)
      throw ProviderFailure(name: name).status(
        response.status, code: error.code,
        retryAfter: RetryAfter.header(response.headers.first(name: "retry-after"), now: Date()) ?? error.retryAfter)
    }
    guard let type = response.headers.first(name: "content-type"), MediaType(type).name == "text/event-stream" else {
      throw ProviderFailure(name: name).broken("did not answer with a stream of events")
    }
    var left = configuration.limits.responseBytes
    for try await part in response.body {
      left -= part.readableBytes
      guard left >= 0 else { throw ProviderFailure(name: name).broken("sent more than the limit for a reply") }
      for text in try stream.feed(part.readableBytesView) {
        watch.pause()
        try await emit(text)
        watch.resume()
      }
      if stream.isDone { return }
    }
    try Task.checkCancellation()
  }

  /// What the body of an error answer says, where it says something within the first 16 KiB.
  private func error(
    of response: HTTPClientResponse, key: ProviderKey?
  ) async throws -> (code: String?, retryAfter: Duration?) {
    var body = ByteBuffer()
    for try await part in response.body {
      guard body.readableBytes + part.readableBytes <= 16 << 10 else { return (nil, nil) }
      body.writeImmutableBuffer(part)
    }
    // A body that is no JSON has no code; the status alone tells the failure.
    let error = (try? JSONDecoder().decode(ProviderErrorBody.self, from: Data(body.readableBytesView)))?.error
    guard let code = error?.code, let key else { return (error?.code, error?.retryAfter) }
    let isOfKey = key.secret.contains(code) || code.contains(key.secret)
    return (isOfKey ? nil : code, error?.retryAfter)
  }

  private func httpRequest(_ request: ModelRequest, _ body: Data, _ key: ProviderKey?) -> HTTPClientRequest {
    var call = HTTPClientRequest(url: configuration.baseURL + wire.path(request, model: configuration.model))
    call.method = .POST
    call.headers = ["content-type": "application/json", "accept": "text/event-stream", "user-agent": "opentier"]
    call.headers.add(contentsOf: wire.headers)
    if let key { call.headers.add(contentsOf: wire.keyHeaders(key)) }
    TraceHeaders.inject(into: &call.headers, by: instrument ?? InstrumentationSystem.instrument)
    call.body = .bytes(ByteBuffer(data: body))
    return call
  }

  private func translated(_ error: any Error, hasBegun: Bool) -> ModelFailure {
    let failure = ProviderFailure(name: name)
    return switch error {
    case let expiry as ReplyWatch.Expiry: failure.expired(expiry)
    default: failure.connection(error, hasBegun: hasBegun)
    }
  }

  /// Waits until each event loop has run what was put on it before. The client closes a cancelled call's connection in
  /// a step on that connection's loop, which it has put there by now, so the connection is closed when this returns.
  private func connectionsHaveSettled() async {
    for loop in client.eventLoopGroup.makeIterator() {
      // An event loop refuses work only once it is shut down, and then no connection of it is open.
      try? await loop.submit {}.get()
    }
  }
}

extension TimeAmount {
  fileprivate init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }
}
