package import Domain
package import GRPCCore
package import SwiftProtobuf

/// One method of the contract as every wire needs it: where REST has it, what it takes, and how to call it.
///
/// The handler's types are erased, so that a wire deals with bytes alone: all wires share everything but framing.
package struct Binding: Sendable {
  /// The HTTP methods of REST.
  package enum Verb: String, Sendable {
    /// Reads; all fields travel in the path and the query.
    case get = "GET"
    /// Does something; the body is the message.
    case post = "POST"
    /// Changes a resource; the body is the message.
    case patch = "PATCH"
    /// Deletes a resource; all fields travel in the path and the query.
    case delete = "DELETE"

    /// Whether the request's body holds the message.
    package var hasBody: Bool { self == .post || self == .patch }
  }

  /// Who may call.
  package enum Authentication: Sendable {
    /// Whoever shows a session's token, or an API key with one of the binding's scopes; what it may do is the use case's
    /// matter.
    case session
    /// Anybody.
    case none
  }

  /// Which of the server's limits holds for the body.
  package enum BodyLimit: Sendable, CaseIterable {
    /// Messages of a few lines.
    case standard
    /// A question: up to 32,000 characters, each up to 12 bytes as JSON writes it.
    case chat
    /// Whole texts and files.
    case submission
  }

  /// What else than the protobuf JSON mapping REST speaks on this path.
  package enum Extra: Sendable {
    /// Nothing.
    case none
    /// The body may also be a `multipart/form-data` upload.
    case upload
    /// The answer is `text/plain`.
    case plainText
    /// The header `Last-Event-ID`, where it is sent, sets the field `lastEventId` of the request, and the stream's events
    /// are counted from there.
    case lastEventID
  }

  /// How the method is called; a wire sets ``CallContext/current`` first.
  package enum Handler: Sendable {
    /// One answer.
    case unary(@Sendable (IncomingMessage, ServerContext) async throws(ContractError) -> OutgoingMessage)
    /// A stream of answers; each is handed over before the next is made.
    case serverStreaming(
      @Sendable (IncomingMessage, ServerContext, @escaping @Sendable (OutgoingMessage) async throws -> Void)
        async throws(ContractError) -> Void)
  }

  /// The method's names.
  package let method: MethodDescriptor
  /// The HTTP method on REST.
  package let verb: Verb
  /// The path below the API's prefix; `{name}` stands for a field of the request by its JSON name.
  package let path: String
  /// Who may call.
  package let authentication: Authentication
  /// With an API key: it must have one of these. Where there is none no key will do, which is the standard.
  package let scopes: Set<APIKeyScope>
  /// Which limit holds for the body.
  package let bodyLimit: BodyLimit
  /// What else REST speaks.
  package let extra: Extra
  /// The full name of the request's message.
  package let input: String
  /// The full name of the answer's message.
  package let output: String
  /// How to call it.
  package let handler: Handler

  /// Whether calling it changes nothing, so that it may be repeated (and, on Connect, be a GET).
  package var isSideEffectFree: Bool {
    ContractSchema.current.methodsWithoutSideEffects.contains(method.fullyQualifiedMethod)
  }
  /// Whether it answers with a stream.
  package var isStreaming: Bool { if case .serverStreaming = handler { true } else { false } }
  /// The path on Connect, gRPC-Web and gRPC: `/opentier.v1.ChatService/StreamChat`.
  package var procedurePath: String { "/" + method.fullyQualifiedMethod }

  /// Binds a method with one answer.
  package static func unary<Input: Message, Output: Message>(
    _ method: MethodDescriptor, _ verb: Verb, _ path: String,
    _ call: @escaping @Sendable (Input, ServerContext) async throws -> Output,
    authentication: Authentication = .session, bodyLimit: BodyLimit = .standard, extra: Extra = .none,
    scopes: Set<APIKeyScope> = []
  ) -> Binding {
    Binding(
      method: method, verb: verb, path: path, authentication: authentication, scopes: scopes, bodyLimit: bodyLimit,
      extra: extra,
      input: Input.protoMessageName, output: Output.protoMessageName,
      handler: .unary { message, context async throws(ContractError) in
        let request = try message.decoded(as: Input.self)
        do { return OutgoingMessage(try await call(request, context)) } catch { throw ContractError(any: error) }
      })
  }

  /// Binds a method that answers with a stream of events.
  package static func serverStreaming<Input: Message, Output: StreamEvent>(
    _ method: MethodDescriptor, _ verb: Verb, _ path: String,
    _ call: @escaping @Sendable (Input, RPCWriter<Output>, ServerContext) async throws -> Void,
    authentication: Authentication = .session, bodyLimit: BodyLimit = .standard, extra: Extra = .none,
    scopes: Set<APIKeyScope> = []
  ) -> Binding {
    Binding(
      method: method, verb: verb, path: path, authentication: authentication, scopes: scopes, bodyLimit: bodyLimit,
      extra: extra,
      input: Input.protoMessageName, output: Output.protoMessageName,
      handler: .serverStreaming { message, context, send async throws(ContractError) in
        let request = try message.decoded(as: Input.self)
        do { try await call(request, RPCWriter(wrapping: ErasingWriter(send: send)), context) } catch {
          throw ContractError(any: error)
        }
      })
  }
}

extension Binding {
  /// Finds out who is calling, and refuses whom the method is not for; nothing for a method that anybody may call.
  ///
  /// - Throws: `unauthenticated`; `permission_denied` for an API key without a scope of the method.
  package func admit(_ context: CallContext, by authenticate: CallContext.Authenticate) async throws(ContractError) {
    guard authentication == .session else { return }
    try await context.authenticate(by: authenticate)
    try context.requireScope(of: scopes)
  }
}

/// Hands each message to a wire.
private struct ErasingWriter<Element: Message>: RPCWriterProtocol {
  let send: @Sendable (OutgoingMessage) async throws -> Void

  func write(_ element: Element) async throws { try await send(OutgoingMessage(element)) }

  func write(contentsOf elements: some Sequence<Element>) async throws {
    for element in elements { try await write(element) }
  }
}
