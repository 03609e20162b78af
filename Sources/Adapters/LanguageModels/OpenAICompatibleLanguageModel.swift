package import Application
import AsyncHTTPClient
import Domain
import FoundationEssentials
package import Instrumentation
package import Logging
package import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// A model behind an OpenAI-compatible endpoint: OpenAI, vLLM, Ollama, llama.cpp's server and others.
///
/// Sends `POST {baseURL}/chat/completions` with `stream: true` and reads the stream as far as its reader takes it off.
/// Redirects are not followed, so the key goes to no other address.
package final class OpenAICompatibleLanguageModel: LanguageModel {
  package let name: String
  private let configuration: Configuration
  private let client: HTTPClient
  private let instrument: (any Instrument)?
  private let logger: Logger

  /// Makes a model with a connection pool of its own; whoever makes it calls ``shutdown()`` in the end.
  ///
  /// - Parameters:
  ///   - instrument: puts the trace of the calling task into the request's headers; `nil` takes the process's own.
  ///   - logger: gets one line for each failed call: the model's name and the reason that users see; no content.
  package init(
    _ configuration: Configuration, eventLoopGroup: any EventLoopGroup = HTTPClient.defaultEventLoopGroup,
    instrument: (any Instrument)? = nil, logger: Logger
  ) {
    self.instrument = instrument
    name = configuration.name
    self.configuration = configuration
    self.logger = logger
    var settings = HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: TimeAmount(configuration.timeouts.connect)),
      decompression: .disabled)
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

  package func reply(
    to request: ModelRequest, emit: @Sendable (String) async throws(ModelFailure) -> Void
  ) async throws(ModelFailure) -> ReplyEnd {
    // The client may still send a request whose task is cancelled already.
    guard !Task.isCancelled else { throw .cancelled }
    let call: HTTPClientRequest
    do {
      call = try httpRequest(request)
    } catch {
      throw .rejected("the request to the model \(name) cannot be written as JSON")
    }
    let timeouts = configuration.timeouts
    let watch = ReplyWatch(firstToken: timeouts.firstToken, gap: timeouts.gap, whole: timeouts.whole)
    let stream = ReplyStream(name: name, maximumEventBytes: configuration.limits.eventBytes)
    let failure: ModelFailure
    do {
      // `emit` does not outlive this call: the watch's tasks have ended when `run` returns.
      try await withoutActuallyEscaping(emit) { emit in
        try await watch.run { [self] in try await read(call, into: stream, watch: watch, emit: emit) }
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
    _ call: HTTPClientRequest, into stream: ReplyStream, watch: ReplyWatch,
    emit: @Sendable (String) async throws(ModelFailure) -> Void
  ) async throws {
    let response = try await client.execute(call, deadline: .distantFuture, logger: nil)
    guard response.status == .ok else {
      throw ProviderFailure(name: name).status(response.status, code: try await errorCode(of: response))
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

  /// The code in the body of an error answer, where there is one within the first 16 KiB.
  private func errorCode(of response: HTTPClientResponse) async throws -> String? {
    var body = ByteBuffer()
    for try await part in response.body {
      guard body.readableBytes + part.readableBytes <= 16 << 10 else { return nil }
      body.writeImmutableBuffer(part)
    }
    // A body that is no JSON has no code; the status alone tells the failure.
    let code = (try? JSONDecoder().decode(ProviderErrorBody.self, from: Data(body.readableBytesView)))?.error?.code
    guard let code, let key = configuration.key else { return code }
    return key.secret.contains(code) || code.contains(key.secret) ? nil : code
  }

  private func httpRequest(_ request: ModelRequest) throws -> HTTPClientRequest {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes]
    let body = try encoder.encode(
      ChatCompletionRequest(request, model: configuration.model, temperature: configuration.temperature))
    var call = HTTPClientRequest(url: configuration.baseURL + "/chat/completions")
    call.method = .POST
    call.headers = ["content-type": "application/json", "accept": "text/event-stream", "user-agent": "opentier"]
    if let key = configuration.key { call.headers.add(name: "authorization", value: "Bearer \(key.secret)") }
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
