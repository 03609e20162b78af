import Contract
import GRPCCore

/// Gives every call its ``CallContext``, its deadline and its place in the log.
struct CallInterceptor: ServerInterceptor {
  let log: CallLog
  let calls: OpenCalls

  func intercept<Input: Sendable, Output: Sendable>(
    request: StreamingServerRequest<Input>, context: ServerContext,
    next:
      @concurrent @Sendable (StreamingServerRequest<Input>, ServerContext) async throws -> StreamingServerResponse<
        Output
      >
  ) async throws -> StreamingServerResponse<Output> {
    let call = Call(request.metadata, context, log: log, among: calls)
    do {
      let response = try await withoutActuallyEscaping(next) { next in
        try await call.run { try await next(request, context) }
      }
      var contents = try response.accepted.get()
      let producer = contents.producer
      contents.producer = { writer in
        do {
          let trailers = try await call.run { try await producer(writer) }
          call.end()
          return trailers
        } catch {
          throw call.end(with: error)
        }
      }
      return StreamingServerResponse(accepted: .success(contents))
    } catch {
      throw call.end(with: error)
    }
  }
}
