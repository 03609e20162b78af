import Contract
import GRPCCore
import Instrumentation
import ServiceContextModule

/// One call, from its metadata to its status.
struct Call: Sendable {
  private let method: String
  private let context: CallContext
  private let trace: ServiceContext
  private let span: CallSpan
  private let start: ContinuousClock.Instant
  private let log: CallLog
  private let calls: OpenCalls

  init(_ metadata: Metadata, _ server: ServerContext, log: CallLog, among calls: OpenCalls) {
    let start = ContinuousClock.now
    self.start = start
    self.log = log
    self.calls = calls
    method = server.descriptor.fullyQualifiedMethod
    context = CallContext(
      requestID: CallMetadata.requestID(metadata.text("x-request-id")),
      bearerToken: CallMetadata.bearerToken(authorization: metadata.text("authorization")),
      remoteAddress: PeerAddress.host(of: server.remotePeer), userAgent: metadata.text("user-agent"),
      deadline: metadata.text("grpc-timeout").flatMap(CallTimeout.duration).map { start.advanced(by: $0) })
    var trace = ServiceContext.topLevel
    InstrumentationSystem.instrument.extract(metadata, into: &trace, using: MetadataExtractor())
    trace.setLogMetadata(of: context)
    span = CallSpan(method, in: &trace)
    self.trace = trace
  }

  /// Runs a part of the call, whose task is cancelled as soon as the client leaves, the deadline passes, or the server
  /// ends its calls.
  ///
  /// The library signals the first two beside the task, and overlooks timeouts of nine characters, such as `29999999u`, which
  /// clients in Go send.
  func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
    let task = Task { [context, trace] in
      try await CallContext.$current.withValue(context) {
        try await ServiceContext.withValue(trace) { try await body() }
      }
    }
    let timer = context.deadline.map { deadline in
      Task {
        try await Task.sleep(until: deadline, tolerance: .zero, clock: .continuous)
        task.cancel()
      }
    }
    defer { timer?.cancel() }
    return try await withTaskCancellationHandler {
      try await withRPCCancellationHandler {
        try await calls.run(cancel: { task.cancel() }) { try await task.value }
      } onCancelRPC: {
        task.cancel()
      }
    } onCancel: {
      task.cancel()
    }
  }

  /// Ends a call that was answered.
  func end() { record(.ok, diagnosis: nil) }

  /// Ends a call that failed.
  ///
  /// - Returns: what the client is told.
  func end(with error: any Error) -> RPCError {
    // What the library or one of its services has put in a code is for the client; its cause stays here.
    if let error = error as? RPCError, error.code != .cancelled {
      record(Status.Code(error.code), diagnosis: nil)
      return RPCError(code: error.code, message: error.message, metadata: error.metadata)
    }
    var failure = error is RPCError ? ContractError(.canceled, "the call was cancelled") : ContractError(any: error)
    if failure.code == .canceled, calls.isStopped {
      failure = ContractError(.unavailable, "the server is being stopped")
    } else if failure.code == .canceled, let deadline = context.deadline, ContinuousClock.now >= deadline {
      failure = ContractError(.deadlineExceeded, "the call's time is over")
    }
    record(Status.Code(failure.rpcErrorCode), diagnosis: failure.diagnosis)
    return RPCError(failure)
  }

  private func record(_ code: Status.Code, diagnosis: String?) {
    span.end(with: code)
    ServiceContext.withValue(trace) {
      log.record(
        CallLog.Entry(
          method: method, code: code, duration: .now - start, context: context, diagnosis: diagnosis))
    }
  }
}

extension Metadata {
  /// The first text under a key.
  fileprivate func text(_ key: String) -> String? { self[stringValues: key].first { _ in true } }
}

/// Gives the tracer the call's metadata.
private struct MetadataExtractor: Extractor {
  func extract(key: String, from carrier: Metadata) -> String? { carrier.text(key.lowercased()) }
}
