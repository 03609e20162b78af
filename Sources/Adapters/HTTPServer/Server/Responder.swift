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
  let configuration: HTTPConfiguration
  let log: AccessLog

  /// The connection has to be closed: what is left of the request will not be read.
  struct ConnectionUnusable: Error {}

  /// Answers one request.
  @concurrent
  func respond(to request: Request, _ response: consuming ResponseWriter, _ channel: any Channel) async throws {
    let start = ContinuousClock.now
    let head = RequestHead(request.head)
    let context = CallContext(
      requestID: head.requestID(), bearerToken: head.bearerToken,
      remoteAddress: channel.remoteAddress?.ipAddress, userAgent: head.headers[.userAgent])
    var trace = ServiceContext.topLevel
    InstrumentationSystem.instrument.extract(head.headers, into: &trace, using: HeaderExtractor())
    trace.requestID = context.requestID

    let match = routes.match(head.method, path: head.path)
    let outcome: StreamingCall.Outcome
    let template: String
    if case .found(.rest(let binding), let found, let values) = match, binding.isStreaming {
      template = found
      if head.expectsContinue { try await response.writeInformationalHead(HTTPResponse(status: .continue)) }
      let message = RESTMessage(binding: binding, head: head, values: values, limits: configuration.limits)
      var headers = HTTPFields()
      headers.addCommon(requestID: context.requestID, date: HTTPDate.now())
      let stream = EventStream(on: response, headers: headers)
      let call = StreamingCall(
        services: services, message: message, context: context, limits: configuration.limits,
        keepAliveInterval: configuration.keepAliveInterval)
      outcome = await ServiceContext.withValue(trace) { await call.run(request.body, on: stream) }
    } else {
      template = match.template
      var body = BodyReader(request.body, head: head)
      var isWaiting = head.expectsContinue && head.hasBody
      if isWaiting, match.readsBody(head, configuration.limits) {
        try await response.writeInformationalHead(HTTPResponse(status: .continue))
        isWaiting = false
      }
      // The reader goes in and comes out: it may not be changed from within the closure.
      let reader = body
      var answer: Answer
      (answer, body) = await ServiceContext.withValue(trace) {
        var reader = reader
        let answer = await self.answer(head, match, &reader, context)
        return (answer, reader)
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
      answer.headers.addCommon(requestID: context.requestID, date: HTTPDate.now())
      answer.headers[.contentLength] = String(answer.body.readableBytes)
      if answer.status == .noContent || answer.status == .notModified { answer.headers[.contentLength] = nil }
      let responseHead = HTTPResponse(status: answer.status, headerFields: answer.headers)
      if head.method == "HEAD" || answer.headers[.contentLength] == nil {
        try await response.writeResponse(responseHead)
      } else {
        try await response.write(response: responseHead, body: ResponseBody(byteBuffer: answer.body))
      }
      outcome = StreamingCall.Outcome(status: answer.status.code, diagnosis: answer.diagnosis)
      if !isUsable {
        record(head, template, outcome, start, context, trace)
        throw ConnectionUnusable()
      }
    }
    record(head, template, outcome, start, context, trace)
  }

  private func record(
    _ head: RequestHead, _ template: String, _ outcome: StreamingCall.Outcome, _ start: ContinuousClock.Instant,
    _ context: CallContext, _ trace: ServiceContext
  ) {
    ServiceContext.withValue(trace) {
      log.record(
        AccessLog.Entry(
          method: head.method, template: template, status: outcome.status, duration: .now - start, context: context,
          diagnosis: outcome.diagnosis))
    }
  }

  private func answer(
    _ head: RequestHead, _ match: RouteTable.Match, _ body: inout BodyReader, _ context: CallContext
  ) async -> Answer {
    do {
      switch match {
      case .found(.endpoint(let endpoint), _, _): return await endpoint(head)
      case .found(.rest(let binding), _, let values):
        let message = RESTMessage(binding: binding, head: head, values: values, limits: configuration.limits)
        try await authenticate(context, for: binding)
        let incoming = try await message.read(from: &body)
        return try await Self.withCaller(of: context) {
          try message.answer(try await services.call(binding, incoming, context))
        }
      case .found(.connect(let binding), _, _):
        let message = ConnectMessage(binding: binding, head: head, limits: configuration.limits)
        try await authenticate(context, for: binding)
        let incoming = try await message.read(from: &body)
        return try await Self.withCaller(of: context) {
          try message.answer(try await services.call(binding, incoming, context))
        }
      case .methodNotAllowed(_, let allowed):
        guard head.method == "OPTIONS" else { throw HTTPRefusal.methodNotAllowed(allowed: allowed) }
        var answer = Answer(empty: .noContent)
        answer.headers[.allow] = allowed.joined(separator: ", ")
        return answer
      case .notFound:
        throw HTTPRefusal.noSuchPath(head.path.hasPrefix("/opentier.v1.") ? .unimplemented : .notFound)
      }
    } catch {
      return Answer(any: error)
    }
  }
}

extension Responder {
  /// Finds out who is calling before the body is read: who is nobody need not send one.
  private func authenticate(_ context: CallContext, for binding: Binding) async throws(ContractError) {
    if binding.authentication == .session { try await context.authenticate(by: services.authenticate) }
  }

  /// Runs a call with its caller in the context of logs.
  static func withCaller<Value>(of context: CallContext, _ body: () async throws -> Value) async throws -> Value {
    var logContext = ServiceContext.current ?? .topLevel
    if let principal = context.principal {
      logContext.userID = principal.userID.description
      logContext.organizationID = principal.organizationID.description
    }
    return try await ServiceContext.withValue(logContext) { try await body() }
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

  /// Whether the body is worth being sent: there is somebody to read it, and it is not too long.
  fileprivate func readsBody(_ head: RequestHead, _ limits: HTTPLimits) -> Bool {
    guard let length = head.contentLength else { return true }
    switch self {
    case .found(.rest(let binding), _, _), .found(.connect(let binding), _, _):
      let limit = limits.bytes(for: binding.bodyLimit)
      return length <= (binding.extra == .upload ? max(limit, limits.uploadedFile * 2) : limit)
    default: return false
    }
  }
}

/// Gives the tracer the request's header fields.
private struct HeaderExtractor: Extractor {
  func extract(key: String, from carrier: HTTPFields) -> String? {
    HTTPField.Name(key).flatMap { carrier[$0] }
  }
}
