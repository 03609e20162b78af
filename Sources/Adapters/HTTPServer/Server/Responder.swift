import Contract
import Domain
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Instrumentation
import NIOCore
import ServiceContextModule

/// Answers requests: finds the route, reads the message, calls the method, frames the answer.
struct Responder: Sendable {
  let routes: RouteTable
  let services: ContractServices
  /// `nil` where the OpenAI-compatible API is not served.
  let openAI: OpenAIAPI?
  /// `nil` where the Model Context Protocol is not served.
  let mcp: MCPAPI?
  let configuration: HTTPConfiguration
  let log: AccessLog
  let cors: CORSPolicy
  let tracing = RequestTracing()

  /// The connection has to be closed: what is left of the request will not be read.
  struct ConnectionUnusable: Error {}

  /// Answers one request.
  @concurrent
  func respond(to request: Request, _ response: consuming ResponseWriter, _ channel: any Channel) async throws {
    let start = ContinuousClock.now
    let head = RequestHead(request.head)
    let match = routes.match(head.method, path: head.path)
    let exchange = cors.preflight(head).map { .refused($0) } ?? Exchange(match, head, configuration.limits)
    let timeout = Result { () throws(ContractError) in try exchange.wire?.timeout() }
    let context = CallContext(
      requestID: head.requestID(), bearerToken: head.bearerToken,
      remoteAddress: channel.remoteAddress?.ipAddress, userAgent: head[.userAgent],
      deadline: (try? timeout.get()).flatMap { $0 }.map { start + $0 })
    var trace = ServiceContext.topLevel
    tracing.instrument.extract(head, into: &trace, using: HeaderExtractor())
    trace.setLogMetadata(of: context)
    let span = RequestSpan(head, template: match.template, in: &trace, by: tracing)
    defer { span.end() }

    let call = Call(
      head: head, exchange: exchange, context: context, refusal: timeout.failure,
      headers: headers(for: head, context), connection: channel)
    let outcome: CallOutcome
    if let binding = exchange.streamingBinding {
      if head.expectsContinue { try await response.writeInformationalHead(HTTPResponse(status: .continue)) }
      guard let stream = stream(of: call, on: response) else { return }
      let streamingCall = StreamingCall(
        services: services, binding: binding, head: head, context: context, limits: configuration.limits,
        refusal: call.refusal)
      outcome = await ServiceContext.withValue(trace) { await streamingCall.run(request.body, on: stream) }
    } else {
      outcome = try await whole(call, request.body, response, trace)
    }
    ServiceContext.withValue(trace) {
      log.record(
        AccessLog.Entry(
          method: head.method, template: match.template, status: outcome.status, duration: .now - start,
          context: context, code: outcome.code, diagnosis: outcome.diagnosis))
    }
    span.tell(status: outcome.status, code: outcome.code)
    if outcome.endsConnection { throw ConnectionUnusable() }
  }

  /// A request, and what is known of it before its body is read.
  private struct Call: Sendable {
    let head: RequestHead
    let exchange: Exchange
    let context: CallContext
    /// What is wrong with the time that the caller gives, if something is.
    let refusal: ContractError?
    /// What every answer to it carries.
    let headers: HTTPFields
    /// What it came on.
    let connection: any Channel
  }

  private func headers(for head: RequestHead, _ context: CallContext) -> HTTPFields {
    var headers = HTTPFields()
    headers.addCommon(requestID: context.requestID, date: HTTPDate.now())
    headers.add(cors.headers(for: head))
    return headers
  }

  private func stream(of call: Call, on response: consuming ResponseWriter) -> (any MessageStream)? {
    switch call.exchange {
    case .events(let message):
      EventStream(
        message, on: response, headers: call.headers, keepAliveInterval: configuration.keepAliveInterval)
    case .enveloped(_, let wire): EnvelopeStream(wire, on: response, headers: call.headers)
    case .unary, .openAI, .mcp, .endpoint, .refused: nil
    }
  }

  /// Answers with something that is whole before its first byte is sent.
  @concurrent
  private func whole(
    _ call: Call, _ requestBody: RequestBody, _ response: consuming ResponseWriter, _ trace: ServiceContext
  ) async throws -> CallOutcome {
    let head = call.head
    var body = BodyReader(requestBody, head: head)
    var isWaiting = head.expectsContinue && head.hasBody
    if isWaiting, call.exchange.readsBody(head, configuration.limits) {
      try await response.writeInformationalHead(HTTPResponse(status: .continue))
      isWaiting = false
    }
    // The reader goes in and comes out: it may not be changed from within the closure.
    let reader = body
    var answer: Answer
    (answer, body) = await ServiceContext.withValue(trace) {
      var reader = reader
      let answer = await self.answer(call, &reader)
      return (answer, reader)
    }
    // Who has closed the connection gets no answer.
    guard call.connection.isActive else {
      return CallOutcome(status: 499, code: answer.code, diagnosis: answer.diagnosis, endsConnection: true)
    }
    // A client that still waits to send its body is not waited for.
    let isUsable: Bool
    if body.isAtEnd {
      isUsable = true
    } else if isWaiting {
      isUsable = false
    } else {
      isUsable = await body.drain(upTo: configuration.limits.drainedBody)
    }
    if !isUsable { answer.headers[.connection] = "close" }
    answer.headers.add(call.headers)
    answer.headers[.contentLength] = String(answer.body.readableBytes)
    if answer.status == .noContent || answer.status == .notModified { answer.headers[.contentLength] = nil }
    let responseHead = HTTPResponse(status: answer.status, headerFields: answer.headers)
    if head.method == "HEAD" || answer.headers[.contentLength] == nil {
      try await response.writeResponse(responseHead)
    } else {
      try await response.write(response: responseHead, body: ResponseBody(byteBuffer: answer.body))
    }
    return CallOutcome(
      status: answer.status.code, code: answer.code, diagnosis: answer.diagnosis, endsConnection: !isUsable)
  }

  private func answer(_ call: Call, _ body: inout BodyReader) async -> Answer {
    switch call.exchange {
    case .endpoint(let endpoint): return await endpoint(call.head)
    case .refused(let answer): return answer
    case .openAI(let operation, let values):
      guard let openAI else { return OpenAIError.noSuchPath(call.head, status: 404).answer }
      return await openAI.answer(operation, values, call.head, &body, call.context)
    case .mcp:
      guard let mcp else { return HTTPRefusal.noSuchPath().answer }
      return await mcp.answer(call.head, &body, call.context, on: call.connection)
    case .unary(let binding, let wire):
      do {
        if let refusal = call.refusal { throw refusal }
        // Before the body is read: who is nobody need not send one.
        try await binding.admit(call.context, by: services.authenticate)
        let incoming = try await wire.read(from: &body)
        return try wire.answer(try await services.call(binding, incoming, call.context))
      } catch {
        return wire.refusal(error)
      }
    case .events, .enveloped:
      // Streams are not whole; `respond` has taken them.
      return Answer(ContractError(.internal, "a stream cannot be answered whole"))
    }
  }
}

extension RouteTable.Match {
  /// What stands for the path in logs and metrics.
  fileprivate var template: String {
    switch self {
    case .found(_, let template, _), .methodNotAllowed(let template, _): template
    case .notFound: "unmatched"
    }
  }
}

extension Exchange {
  /// The method, where its answer is a stream.
  fileprivate var streamingBinding: Binding? {
    switch self {
    case .events(let message): message.binding
    case .enveloped(let binding, _): binding
    case .unary, .openAI, .mcp, .endpoint, .refused: nil
    }
  }
}

extension Result {
  /// What went wrong, if something did.
  fileprivate var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}

/// Gives the tracer the request's header fields.
struct HeaderExtractor: Extractor {
  func extract(key: String, from carrier: RequestHead) -> String? {
    HTTPField.Name(key).flatMap { carrier[$0] }
  }
}
