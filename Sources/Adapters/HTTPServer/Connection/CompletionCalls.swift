import Contract
import HTTPTypes
import Instrumentation
import NIOCore
import NIOHTTP1
import ServiceContextModule
import Synchronization

/// Answers the requests for completions, each in a task on its connection's event loop.
final class CompletionCalls: Sendable {
  private let api: OpenAIAPI
  private let configuration: HTTPConfiguration
  private let log: AccessLog
  private let cors: CORSPolicy
  private let tracing = RequestTracing()
  /// Looks after the streams that are silent.
  let keepAlive: KeepAlive
  private let open: OpenConnections
  /// By event loop.
  private let executors = Mutex<[ObjectIdentifier: EventLoopExecutor]>([:])

  var limits: HTTPLimits { configuration.limits }

  init(
    _ api: OpenAIAPI, _ configuration: HTTPConfiguration, open: OpenConnections, log: AccessLog, cors: CORSPolicy
  ) {
    self.api = api
    self.open = open
    self.configuration = configuration
    self.log = log
    self.cors = cors
    keepAlive = KeepAlive(every: configuration.keepAliveInterval)
  }

  /// The exchange of a request for a completion; `nil` for any other request.
  func exchange(
    for http: HTTPRequestHead, on context: ChannelHandlerContext, in handler: ConnectionHandler
  ) -> CompletionExchange? {
    guard http.method == .POST else { return nil }
    guard let (operation, path) = Self.operation(at: http.uri) else { return nil }
    guard let wire = try? context.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self) else {
      return nil
    }
    return CompletionExchange(
      operation, RequestHead(http, path: path), http, calls: self, handler: handler, context: context, wire: wire)
  }

  /// The completions, by their paths.
  private static let operations = Dictionary(
    uniqueKeysWithValues: OpenAIOperation.allCases.filter(\.isCompletion).map { ($0.path, $0) })

  /// Which completion a target asks for, and the path where it is nothing but that.
  private static func operation(at target: String) -> (OpenAIOperation, path: String?)? {
    if let operation = operations[target] { return (operation, target) }
    return operations[RequestHead.parts(of: target).path].map { ($0, nil) }
  }

  /// Answers a request.
  func run(_ exchange: CompletionExchange, on eventLoop: any EventLoop) -> Task<Void, Never> {
    let executor = executors.withLock { executors in
      if let executor = executors[ObjectIdentifier(eventLoop)] { return executor }
      let executor = EventLoopExecutor(eventLoop)
      executors[ObjectIdentifier(eventLoop)] = executor
      return executor
    }
    open.began()
    return Task(executorPreference: executor) { [self] in
      await answer(exchange)
      open.ended()
    }
  }

  private func answer(_ exchange: CompletionExchange) async {
    let begun = begin(exchange)
    let outcome = await begun.call.run(in: begun.trace)
    end(exchange, begun, outcome)
  }

  /// A call, and what is kept of its request until it has been answered.
  private final class Begun: Sendable {
    let call: CompletionCall
    let trace: ServiceContext
    let span: RequestSpan

    init(_ call: CompletionCall, _ trace: ServiceContext, _ span: RequestSpan) {
      self.call = call
      self.trace = trace
      self.span = span
    }
  }

  private func begin(_ exchange: CompletionExchange) -> Begun {
    let head = exchange.head
    let context = CallContext(
      requestID: head.requestID(), bearerToken: head.bearerToken, remoteAddress: exchange.remoteAddress,
      userAgent: head[.userAgent])
    var trace = ServiceContext.topLevel
    tracing.instrument.extract(head, into: &trace, using: HeaderExtractor())
    trace.setLogMetadata(of: context)
    let span = RequestSpan(head, template: exchange.operation.path, in: &trace, by: tracing)
    let call = CompletionCall(
      exchange, api: api, context: context,
      headers: CompletionHeaders(requestID: context.requestID, cors: cors.headers(for: head)))
    return Begun(call, trace, span)
  }

  private func end(_ exchange: CompletionExchange, _ begun: Begun, _ outcome: CallOutcome) {
    ServiceContext.withValue(begun.trace) {
      log.record(
        AccessLog.Entry(
          method: exchange.method, template: exchange.operation.path, status: outcome.status,
          duration: .now - exchange.start, context: begun.call.context, code: outcome.code, diagnosis: outcome.diagnosis
        ))
    }
    begun.span.tell(status: outcome.status, code: outcome.code)
    begun.span.end()
    exchange.end(closing: outcome.endsConnection)
  }
}
