import Contract

/// A method's stream of answers on one response.
protocol MessageStream: Sendable {
  /// Refuses a request whose head shows already that it cannot be answered.
  func check() throws

  /// Reads the request.
  func read(from body: inout BodyReader) async throws -> IncomingMessage

  /// Sends a message, and returns when the connection has taken it.
  func send(_ message: OutgoingMessage) async throws

  /// Ends a stream that went well.
  func finish() async throws

  /// Ends a stream that did not, or answers instead of it while nothing has been sent.
  func fail(_ error: any Error) async throws -> CallOutcome

  /// Runs the call, and what the stream needs beside it.
  func accompany(_ call: @escaping @Sendable () async throws -> Void) async throws
}

extension MessageStream {
  func check() throws {}
  func accompany(_ call: @escaping @Sendable () async throws -> Void) async throws { try await call() }
}

/// How a call ended, for the log.
struct CallOutcome: Sendable {
  var status: Int
  /// The code of an error that the status does not tell.
  var code: ContractErrorCode?
  var diagnosis: String?
  /// Whether the connection has to be closed: what is left of the request will not be read.
  var endsConnection = false
}
