package import Application
package import AsyncHTTPClient
package import Domain
import FoundationEssentials
package import Instrumentation
package import Logging
package import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix
import Synchronization

/// A model behind a provider's streaming HTTP interface, in one of the dialects that ``ProviderWire`` writes.
///
/// Sends one `POST` and reads the stream of events as far as its reader takes it off. Redirects are not followed, so the
/// key goes to no other address. A key that the provider refuses is asked for once more, in case it was rotated.
package final class HTTPLanguageModel: LanguageModel {
  package let name: String
  private let configuration: Configuration
  private let wire: any ProviderWire
  private let connections: ProviderConnections?
  private let watches: ReplyWatches
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
    eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    instrument: (any Instrument)? = nil, logger: Logger
  ) {
    self.instrument = instrument
    name = configuration.name
    self.configuration = configuration
    wire = configuration.dialect.wire(configuration.profile)
    watches = ReplyWatches(configuration.timeouts)
    self.logger = logger
    // The base URL was checked when the configuration was made.
    self.connections = ProviderConnections.Address(configuration.baseURL).map {
      ProviderConnections(
        to: $0, settings: connections, connectTimeout: TimeAmount(configuration.timeouts.connect), group: eventLoopGroup
      )
    }
  }

  /// Closes the connections; calls under way fail.
  package func shutdown() async throws { await connections?.shutdown() }

  package var profiles: [ModelProfile] { [configuration.profile] }

  package func unsupported(in request: ModelRequest) -> UnsupportedRequest? {
    if let what = wire.unsupported(in: request) { return .feature("the model \(name) does not take \(what)") }
    return configuration.profile.unsupported(in: request, by: name)
  }

  package func reply(to request: ModelRequest, reader: ReplyReader) async throws(ModelFailure) -> ReplyEnd {
    let beginning = try begin(request)
    defer { watches.end(beginning.watch) }
    do {
      try await read(request, beginning, reader)
      return try beginning.stream.end()
    } catch {
      return try ended(error, beginning.stream)
    }
  }

  /// What a call has from its beginning to its end.
  private final class Beginning: Sendable {
    let body: Mutex<ByteBuffer?>
    let connections: ProviderConnections
    let watch: ReplyWatch
    let stream: ReplyStream

    init(_ body: ByteBuffer, _ connections: ProviderConnections, _ watch: ReplyWatch, _ stream: ReplyStream) {
      self.body = Mutex(body)
      self.connections = connections
      self.watch = watch
      self.stream = stream
    }
  }

  @inline(never)
  private func begin(_ request: ModelRequest) throws(ModelFailure) -> Beginning {
    // The client may still send a request whose task is cancelled already.
    guard !Task.isCancelled else { throw .cancelled }
    if let unsupported = unsupported(in: request) { throw ModelFailure(unsupported) }
    let body: ByteBuffer
    do {
      body = try wire.body(request, model: configuration.model, temperature: configuration.temperature)
    } catch {
      throw .rejected("the request to the model \(name) cannot be written as JSON")
    }
    guard let connections else { throw .misconfigured("the model \(name) has no address") }
    let stream = ReplyStream(
      name: name, wire: wire, offeredTools: Set(request.tools.map(\.name)),
      takesUnknownTools: request.takesUnknownTools,
      maximumEventBytes: configuration.limits.eventBytes, maximumBytes: configuration.limits.responseBytes)
    let watch = watches.begin(isWhole: wire.answersWhole(request), on: connections.eventLoop)
    return Beginning(body, connections, watch, stream)
  }

  /// What a reply comes to that an error has ended.
  private func ended(_ error: any Error, _ stream: ReplyStream) throws(ModelFailure) -> ReplyEnd {
    let failure: ModelFailure
    if let error = error as? ModelFailure {
      failure = error
    } else {
      if !Task.isCancelled, !(error is CancellationError), let end = try? stream.end() {
        // The reply was whole; only what follows it (usage, the final mark) is missing.
        return end
      }
      failure = Task.isCancelled ? .cancelled : translated(error, hasBegun: stream.hasBegun)
    }
    if Task.isCancelled || failure == .cancelled { throw .cancelled }
    logger.warning("the model gave no whole reply", metadata: ["model": "\(name)", "reason": "\(failure)"])
    throw failure
  }

  // What is done before and behind the long wait of a call stands in functions of its own, never inlined: what they need
  // would be kept while the call waits.

  private func read(_ request: ModelRequest, _ beginning: Beginning, _ reader: ReplyReader) async throws {
    try await withTaskCancellationHandler {
      let (answer, key) = try await ask(request, beginning)
      do {
        switch try await form(of: answer, to: request, key: key) {
        case .events:
          answer.forgetHead()
          try await readStream(answer, into: beginning.stream, watch: beginning.watch, reader)
        case .whole: try await readWhole(answer, into: beginning.stream, watch: beginning.watch, reader)
        }
        answer.leave(closing: false)
      } catch {
        // The provider is to notice at once; and who cancels may rely on it.
        answer.leave(closing: true)
        await answer.closed()
        throw error
      }
    } onCancel: {
      beginning.watch.cancel()
    }
  }

  @inline(never)
  private func ask(
    _ request: ModelRequest, _ beginning: Beginning
  ) async throws -> (ProviderExchange, ProviderKey?) {
    let connections = beginning.connections
    let body = beginning.body.withLock { $0.take() } ?? ByteBuffer()
    return try await configuration.keys.answer { key in
      try await connections.send(self.request(request, body, key, to: connections.address), watch: beginning.watch)
    }
  }

  /// How an answer is to be read.
  private enum Form { case events, whole }

  /// - Throws: what the answer says of a failure, and where it is no answer.
  @inline(never)
  private func form(
    of answer: ProviderExchange, to request: ModelRequest, key: ProviderKey?
  ) async throws -> Form {
    guard answer.status == .ok else {
      let error = try await error(of: answer, key: key)
      let retryAfter = RetryAfter.header(answer.headers.first(name: "retry-after"), now: Date())
      throw ProviderFailure(name: name).status(
        answer.status, code: error.code, retryAfter: retryAfter ?? error.retryAfter)
    }
    let type = answer.headers.first(name: "content-type").map { MediaType($0).name }
    if type == "text/event-stream" { return .events }
    if type == "application/json", wire.answersWhole(request) { return .whole }
    throw ProviderFailure(name: name).broken("did not answer with a stream of events")
  }

  private func readStream(
    _ answer: ProviderExchange, into stream: ReplyStream, watch: ReplyWatch, _ reader: ReplyReader
  ) async throws {
    let isOver = try await take(answer, into: stream, watch, reader)
    if stream.isReaderBehind {
      try await watch.limiting { try await self.keepUp(isOver, answer, into: stream, watch, reader) }
    } else if !stream.isDone {
      try Task.checkCancellation()
    }
  }

  /// Hands the parts over as they come, until the reader is behind, or the stream has ended; whether its bytes have.
  private func take(
    _ answer: ProviderExchange, into stream: ReplyStream, _ watch: ReplyWatch, _ reader: ReplyReader
  ) async throws -> Bool {
    try await answer.read { part in
      let progress = try stream.feed(part, to: reader)
      if progress != .silent { watch.note() }
      return progress != .readerIsBehind && !stream.isDone
    }
  }

  /// Goes on with a reader that has to be waited for now and then.
  private func keepUp(
    _ isOver: Bool, _ answer: ProviderExchange, into stream: ReplyStream, _ watch: ReplyWatch, _ reader: ReplyReader
  ) async throws {
    var isOver = isOver
    while true {
      while stream.isReaderBehind {
        watch.pause()
        try await reader.untilReady()
        watch.resume()
        try stream.goOn(to: reader)
      }
      if stream.isDone { return }
      if isOver { return try Task.checkCancellation() }
      isOver = try await take(answer, into: stream, watch, reader)
    }
  }

  private func readWhole(
    _ answer: ProviderExchange, into stream: ReplyStream, watch: ReplyWatch, _ reader: ReplyReader
  ) async throws {
    var whole = ByteBuffer()
    while let part = try await answer.next() {
      guard whole.readableBytes + part.readableBytes <= configuration.limits.responseBytes else {
        throw ProviderFailure(name: name).broken("sent more than the limit for a reply")
      }
      whole.writeImmutableBuffer(part)
    }
    guard let text = try stream.take(whole: whole), !text.isEmpty else { return }
    if !(try reader.take(text)) { try await watch.limiting { try await reader.untilReady() } }
  }

  /// What the body of an error answer says, where it says something within the first 16 KiB.
  private func error(
    of answer: ProviderExchange, key: ProviderKey?
  ) async throws -> (code: String?, retryAfter: Duration?) {
    var body = ByteBuffer()
    while let part = try await answer.next() {
      guard body.readableBytes + part.readableBytes <= 16 << 10 else { return (nil, nil) }
      body.writeImmutableBuffer(part)
    }
    // A body that is no JSON has no code; the status alone tells the failure.
    let error = (try? JSONDecoder().decode(ProviderErrorBody.self, from: Data(body.readableBytesView)))?.error
    guard let code = error?.code, let key else { return (error?.code, error?.retryAfter) }
    let isOfKey = key.secret.contains(code) || code.contains(key.secret)
    return (isOfKey ? nil : code, error?.retryAfter)
  }

  private func request(
    _ request: ModelRequest, _ body: ByteBuffer, _ key: ProviderKey?, to address: ProviderConnections.Address
  ) -> ProviderRequest {
    let accepted = wire.answersWhole(request) ? "application/json" : "text/event-stream"
    var headers: HTTPHeaders = [
      "host": address.authority, "content-type": "application/json", "accept": accepted, "user-agent": "opentier",
      "content-length": String(body.readableBytes),
    ]
    headers.add(contentsOf: wire.headers)
    if let key { headers.add(contentsOf: wire.keyHeaders(key)) }
    TraceHeaders.inject(into: &headers, by: instrument ?? InstrumentationSystem.instrument)
    return ProviderRequest(
      head: HTTPRequestHead(
        version: .http1_1, method: .POST, uri: address.prefix + wire.path(request, model: configuration.model),
        headers: headers),
      body: body)
  }

  private func translated(_ error: any Error, hasBegun: Bool) -> ModelFailure {
    let failure = ProviderFailure(name: name)
    return switch error {
    case let expiry as ReplyWatch.Expiry: failure.expired(expiry)
    default: failure.connection(error, hasBegun: hasBegun)
    }
  }
}

extension TimeAmount {
  fileprivate init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }
}
